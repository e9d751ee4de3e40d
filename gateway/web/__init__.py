"""The HTTP edge: routes, the API's handlers, and how a refusal is worded."""
