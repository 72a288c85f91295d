"""What is true: names, sizes, zone configurations and their differences, tasks, errors. No input or output."""
