#!/bin/sh
# Installs a Chromium for the browser tests: by apt where that works, else by Playwright.
# Usage: install_chromium.sh PYTHON
set -eu
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
if command -v apt-get >/dev/null 2>&1; then
  if $root apt-get update -qq; then
    for chromium in chromium-headless-shell chromium; do
      if $root apt-get install -y -qq "$chromium" fonts-noto-cjk; then
        exit 0
      fi
    done
  fi
fi
exec "$1" -m playwright install --with-deps chromium
