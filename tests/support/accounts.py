"""People who log in over the API."""
import re


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def log_in(api, email, password):
    return api.post("/v1/auth/login", {"email": email, "password": password})


def first_user(wrenn):
    said = re.search(r"The first user is (\S+), the password (\S+)\n", wrenn.greeting)
    assert said, wrenn.greeting
    return said
