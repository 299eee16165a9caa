"""The tab Trace: any profiler's trace, opened, looked at part by part, laid beside another one."""
