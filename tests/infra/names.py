"""What the names of a deployment are made of, as ``infra/tests/*.tftest.hcl`` gives it to Terraform."""

PROJECT, REGION, NUMBER = "a-shop", "europe-west4", "123456789012"


def function_url(name: str) -> str:
    """https://cloud.google.com/run/docs/triggering/https-request#deterministic"""
    return f"https://{name}-{NUMBER}.{REGION}.run.app"


def account(name: str) -> str:
    """The address of the service account of a room, or of one of the callers."""
    return f"backstock-{name.replace('_', '-')}@{PROJECT}.iam.gserviceaccount.com"
