// One connection to an LDAP server. Blocks; one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "directory/ldap/source.h"

namespace angarium::directory {

class LdapSession {
 public:
  LdapSession(const LdapSession&) = delete;
  LdapSession& operator=(const LdapSession&) = delete;
  ~LdapSession();

  /// Connected, and encrypted where that is asked for; bound as nobody.
  static Result<std::unique_ptr<LdapSession>> open(const LdapOptions& options);

  enum class Bound : std::uint8_t { yes, refused };
  /// A simple bind. An empty password is refused here: a server would take the bind for an anonymous one and say that
  /// it is right (RFC 4513 §5.1.2). Errors: kLost, kTimedOut, kRefused.
  Result<Bound> bind(const std::string& dn, std::string_view password);

  struct Entry {
    std::string dn;
    std::string address;  ///< empty: the entry has none
    std::string name;
    std::string quota;
  };
  /// The only entry that matches; nothing without one. kImplausible where there are several. References to other
  /// servers are not followed.
  Result<std::optional<Entry>> search(const LdapOptions& options, const std::string& filter);

 private:
  struct Handle;
  explicit LdapSession(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace angarium::directory
