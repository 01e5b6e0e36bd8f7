"""A laboratory that records neurons of mice: four schemas, in the older spelling of definitions."""
