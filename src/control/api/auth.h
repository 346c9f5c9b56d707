// Who is calling: the API key of a request. Pure and thread-safe.
#pragma once

#include "base/secret.h"
#include "control/api/errors.h"
#include "net/headers.h"

namespace wrenn::control {

// From X-API-Key, or else Authorization: Bearer. kUnauthorized when there is none.
Answer<base::Secret> key_of(const net::Headers& headers);

// True when the headers hold credentials of any kind, right or wrong.
bool has_credentials(const net::Headers& headers);

// The error for a key that is not valid, whatever is wrong with it.
ApiError invalid_key();

}  // namespace wrenn::control
