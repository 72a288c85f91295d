"""Systems for zones to begin as: built from Debian's packages or imported, kept in a cache, put into worlds."""
