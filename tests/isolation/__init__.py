"""One source's trouble is not another one's."""
