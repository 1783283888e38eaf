"""One module a layout, each with `find(settings) -> Found`."""
