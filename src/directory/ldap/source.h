// People in an LDAP directory (RFC 4510): found by a search, and known by a bind with their own password.
#pragma once

#include <memory>
#include <string>

#include "base/time.h"
#include "directory/person/person.h"
#include "directory/person/template.h"
#include "sasl/secret.h"

namespace angarium::directory {

enum class StartTls : bool { no, yes };

struct LdapOptions {
  std::string name;  ///< of the directory, for logs
  std::string url;   ///< "ldaps://ldap.example.org"; several with blanks between, tried in order
  StartTls start_tls = StartTls::no;
  std::string ca_file;  ///< PEM; empty: the system's
  std::string bind_dn;  ///< empty: anonymous
  sasl::Secret bind_password;
  std::string base;
  Template filter;
  std::string address_attribute = "mail";
  std::string name_attribute = "cn";
  std::string quota_attribute;                 ///< a number of octets; empty: none
  Duration timeout = std::chrono::seconds(5);  ///< to connect, and for each answer
  std::size_t connections = 4;
};

/// Connects at the first question.
std::unique_ptr<Source> ldap_source(LdapOptions options, const Clock& clock = system_clock());

}  // namespace angarium::directory
