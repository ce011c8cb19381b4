"""The API held to its OpenAPI document by schemathesis, at length: `python dev.py test contract_api`."""
