"""The operators' page: what the API below ``/ops`` says and does, for a browser."""
