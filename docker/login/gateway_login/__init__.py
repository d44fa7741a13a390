"""Who may pass the gateway: a page to log in, and the answer to the proxy's question for every request."""
