"""The systems that scripted guests can be, one module each with a class `System`."""
