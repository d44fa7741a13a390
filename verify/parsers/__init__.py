"""Text of a tool in, a dict out: pure, and tolerant.

Every `parse` holds to this: it never raises; output it does not know is `{"error": "…", "kind": "unknown", …}`,
never an empty answer that reads as "there is none".
"""
