"""What the steps are: one module per task kind, named as the `operation` of a task's row."""
