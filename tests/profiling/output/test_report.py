"""The report: what is in it, that it stands alone, and that a stranger's run stays text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from plotly.offline import get_plotlyjs

from profiling import cli
from profiling.analysis.analysis import Analysis
from profiling.engine.engine import Engine
from profiling.model.errors import InputError
from profiling.model.lesson import LessonRequest
from profiling.model.run import PeakPart, Run, Status
from profiling.model.words import Text, translator
from profiling.output import explanation
from profiling.output.report import document, lesson_part, run_part
from profiling.output.saved_runs import find_run, load_run
from tests.conftest import FinishedRun
from tests.profiling.planted import branch, numbered, reach, run_of, times

CHARTS = ("time", "peak", "peak_parts", "memory", "operators")
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Reader(HTMLParser):
    """Notes elements, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def links(html: str) -> list[str]:
    return [value or "" for name, value in Reader(html).attributes if name in ("src", "href")]


def policy(html: str) -> str:
    contents = [value or "" for name, value in Reader(html).attributes if name == "content"]
    return contents[0]


def embedded(html: str) -> Run:
    (link,) = (link for link in links(html) if link.startswith("data:application/gzip;base64,"))
    packed = base64.b64decode(link.partition(",")[2])
    return msgspec.json.decode(gzip.decompress(packed), type=Run)


@pytest.fixture
def hostile() -> Run:
    attached = branch(
        "attached",
        samples=times([(1.0, 2.0)] * 6),
        reach=(reach("w", "equal"),),
        peak_parts=(PeakPart("temporary", ATTACK, 64),),
        source=f"def attached(x):\n    return '{ATTACK}'",
    )
    failed = branch("detach", status=Status.ERROR, reason=ATTACK, message=ATTACK)
    run = run_of(attached, failed)
    machine = replace(run.environment, torch=ATTACK, platform=ATTACK)
    return replace(run, environment=machine, started_utc=ATTACK[:40])


def test_a_watched_script_stands_beside_a_lesson(tmp_path: Path) -> None:
    path = explanation.examples()["running_loss"]
    file = tmp_path / "report.html"
    what = [str(path), "baseline"]
    assert cli.main(["report", *what, "--out", str(file), "--lang", "zh"]) == 0
    html = file.read_text("utf-8")
    text = translator("zh")
    assert re.findall("<h1>(.*?)</h1>", html) == ["running_loss.py", text("lesson.baseline.title")]
    assert "running_loss.py:22" in html
    assert len(Reader(html).scripts) == policy(html).count("sha256-") == 2
    alone = tmp_path / "alone.html"
    assert cli.main(["explain", str(path), "--out", str(alone), "--lang", "zh"]) == 0
    assert "running_loss.py:22" in alone.read_text("utf-8")


def test_a_run_is_told_in_full(finished_run: FinishedRun, text: Text) -> None:
    run, folder = finished_run
    html = document([run_part(Analysis(run, folder), text)], text)
    told = re.sub(r"<[^>]+>|\s+", " ", re.sub(r"(?s)<(script|style).*?</\1>", "", html))
    for key in ("workload.side_branch.title", "report.environment", "report.method", "report.data"):
        assert text(key) in told
    for named in (run.id, run.environment.torch, "Trying to use a saved tensor", "reference"):
        assert named in told
    assert html.count('class="cell"') == len(run.results) == 2
    drawn = re.findall(r'class="chart" id="chart-([\w-]+)"', html)
    wanted = [f"{size}-{name}" for size in (4, 8) for name in CHARTS]
    assert drawn == [*wanted, "sizes-time_over_size", "sizes-memory_over_size"]
    for data in re.findall(r'<script type="application/json">(.*?)</script>', html):
        assert json.loads(data)["data"]
    assert embedded(html) == run


def test_every_number_stands_under_its_head(english: Text, tmp_path: Path) -> None:
    html = run_part(Analysis(run_of(numbered("attached")), tmp_path), english).html
    heads, row = (
        [re.sub("<[^>]*>", "", each) for each in re.findall(r"<t[hd].*?</t[hd]>", line)]
        for line in re.findall("<tr>.*?</tr>", html, re.DOTALL)[:2]
    )
    assert dict(zip(heads, row, strict=True)) == {
        "branch": "●attached",
        "step time, median": "3.00 ms3.00–3.00",
        "ratio to attached": "1.00×",
        "peak": "4.000 KiB",
        "most saved for backward": "3.000 KiB",
        "live after forward": "2.000 KiB",
        "ops": "12",
    }


def test_it_asks_for_nothing_outside(finished_run: FinishedRun, english: Text) -> None:
    html = document([run_part(Analysis(*finished_run), english)], english)
    assert all(link.startswith(("data:", "#")) for link in links(html))
    assert "link" not in Reader(html).tags
    assert policy(html).startswith("default-src 'none'; ")


def test_a_strangers_run_stays_text(hostile: Run, english: Text, tmp_path: Path) -> None:
    harmless = run_of(branch("attached", samples=times([(1.0, 2.0)] * 6)))
    scripts = Reader(document([run_part(Analysis(harmless, tmp_path), english)], english)).scripts[
        -2:
    ]
    reader = Reader(document([run_part(Analysis(hostile, tmp_path), english)], english))
    assert "img" not in reader.tags
    assert [each for each in reader.scripts if not each.startswith("{")] == scripts
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    # However a tag is written, none is in what a chart is drawn from.
    drawn = [each for each in reader.scripts if each.startswith("{")]
    assert drawn
    assert not set("<>&") & set("".join(drawn))


def test_an_unfinished_run_says_so_and_an_empty_one_is_refused(
    english: Text, tmp_path: Path
) -> None:
    run = run_of(branch("attached", samples=times([(1.0, 2.0)] * 6)))
    more = replace(run, cells=(*run.cells, replace(run.cells[0], size=9)))
    html = run_part(Analysis(more, tmp_path), english).html
    assert english("report.incomplete", done=1, total=2) in html
    assert english("report.over_sizes") not in html
    with pytest.raises(InputError, match=r"error\.run_empty"):
        run_part(Analysis(replace(run, results=()), tmp_path), english)


def test_a_trace_that_is_gone_is_said(hostile: Run, english: Text, tmp_path: Path) -> None:
    finished = hostile.results[0]
    lost = replace(finished.results[0], trace="traces/gone.json.gz")
    run = replace(hostile, results=(replace(finished, results=(lost,)),))
    with pytest.raises(InputError, match=r"error\.run_unusable"):
        run_part(Analysis(run, tmp_path), english)


def test_a_lesson_has_code_end_and_verdicts(engine: Engine, text: Text) -> None:
    trace = engine.lesson(LessonRequest("detach_then_zero", (1.0, 2.0), "tanh"))
    part = lesson_part(trace, text)
    html = document([part], text)
    assert "values = [1, 2]" in html
    assert "op = torch.tanh" in html
    assert trace.parts[0].error is not None
    assert "is at version 1; expected version 0 instead" in html
    assert html.count('class="chip holds"') == len(trace.claims)
    assert "<svg" in html
    assert 'id="plotly"' not in html
    assert len(html) < 100_000


def test_the_shell_writes_several_into_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.html"
    recorded = "recorded:cpu-2-cores.elementwise"
    assert cli.main(["report", recorded, "baseline", "--out", str(file), "--lang", "zh"]) == 0
    assert str(file) in capsys.readouterr().out.replace("\n", "")
    html = file.read_text("utf-8")
    say = translator("zh")
    assert re.findall(r"<h1>(.*?)</h1>", html) == [
        say("workload.elementwise.title"),
        say("lesson.baseline.title"),
    ]
    assert html.startswith('<!doctype html>\n<html lang="zh">')
    # Without its traces, which are not recorded.
    assert embedded(html).results[0].cell == load_run(find_run(recorded)).results[0].cell


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ([], "Missing argument 'WHAT...'"),
        (["recorded:nothing"], "There is no recorded run 'nothing'"),
        (["gone.json"], "Cannot read file gone.json."),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    what: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none.html"
    assert cli.main(["report", *what, "--out", str(file)]) == 2
    assert said in capsys.readouterr().err
    assert not file.exists()


def test_the_policy_covers_every_script(english: Text, hostile: Run, tmp_path: Path) -> None:
    html = document([run_part(Analysis(hostile, tmp_path), english)], english)
    scripts = policy(html).partition("script-src ")[2]
    packed = re.findall(r'<script type="text/plain" id="plotly">(.*?)</script>', html)
    plotly = gzip.decompress(base64.b64decode(*packed)).decode()
    for script in (plotly, *re.findall("<script>(.*?)</script>", html, re.DOTALL)):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in scripts
    assert scripts.count("'sha256-") == 2
    assert plotly == get_plotlyjs()
    assert len(html) < 2.2e6
    assert "unsafe-inline" not in scripts
