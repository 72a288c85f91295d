"""An emulated OmniOS host: real executables over one world kept in a folder."""
