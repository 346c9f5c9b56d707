// The subcommands of wrenn-cp that make users and set their passwords anew: for whoever has the
// machine, and so for the first one of an installation.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::control {

struct UserRequest {
  std::string email;
  std::string name;
  bool is_only_first = false;  // Nothing is done, and nothing printed, when there is a user.
};

// `address`: of the database. Both print the password that they made, on a line of its own.
base::Result<void> create_user(const base::Secret& address, const UserRequest& request);
base::Result<void> reset_user(const base::Secret& address, const std::string& email);
// Prints all, one per line.
base::Result<void> list_users(const base::Secret& address);

}  // namespace wrenn::control
