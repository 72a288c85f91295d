"""One module per revision, named for its number; a revision that has been released is never edited."""
