"""One module per part of a host. `look(host)` returns the section; it may raise, `verify.snapshot` catches."""
