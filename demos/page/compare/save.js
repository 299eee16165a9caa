(made) => {
  const files = Array.isArray(made) ? made : [made];
  if (files.length !== 1 || !files[0]) return;
  const link = document.createElement("a");
  link.href = files[0].url;
  link.download = files[0].orig_name;
  link.click();
}
