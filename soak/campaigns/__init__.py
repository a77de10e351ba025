"""One module for each campaign; `soak.campaign` says what such a module has."""
