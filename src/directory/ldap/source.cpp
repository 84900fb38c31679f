#include "directory/ldap/source.h"

#include "base/text.h"
#include "directory/ldap/filter.h"
#include "directory/ldap/session.h"
#include "directory/person/connections.h"

namespace angarium::directory {
namespace {

/// Two kinds of connections: those that search are bound by a name of ours, and those that check are bound by users'.
class LdapSource final : public Source {
 public:
  LdapSource(LdapOptions options, const Clock& clock)
      : options_(std::move(options)),
        searches_({.name = options_.name, .max = options_.connections, .wait = options_.timeout}, clock),
        checks_({.name = options_.name, .max = options_.connections, .wait = options_.timeout}, clock) {}

  Result<std::optional<Person>> find(const Asked& asked) override {
    const auto entry = TRY(search(asked));
    if (!entry) return std::nullopt;
    return TRY(person_of(*entry, asked));
  }

  Result<Check> check(const Asked& asked, const sasl::Secret& password) override {
    if (password.empty()) return Check{.kind = Check::Kind::wrong, .person = {}};
    const auto entry = TRY(search(asked));
    if (!entry) return Check{};
    const auto bound = TRY(checks_.ask([&] { return LdapSession::open(options_); },
                                       [&](LdapSession& session) { return session.bind(entry->dn, password.view()); }));
    if (bound == LdapSession::Bound::refused) return Check{.kind = Check::Kind::wrong, .person = {}};
    return Check{.kind = Check::Kind::right, .person = TRY(person_of(*entry, asked))};
  }

  /// The server keeps passwords to itself.
  Result<std::optional<sasl::ScramKeys>> scram_keys(const Asked&, sasl::Hash) override { return std::nullopt; }

 private:
  Result<std::unique_ptr<LdapSession>> open_bound() {
    auto session = TRY(LdapSession::open(options_));
    if (!options_.bind_dn.empty() &&
        TRY(session->bind(options_.bind_dn, options_.bind_password.view())) == LdapSession::Bound::refused)
      return fail(kRefused, "it refuses bind_dn with the password of its file");
    return session;
  }

  Result<std::optional<LdapSession::Entry>> search(const Asked& asked) {
    const std::string filter = fill_filter(options_.filter, asked);
    return searches_.ask([&] { return open_bound(); },
                         [&](LdapSession& session) { return session.search(options_, filter); });
  }

  static Result<Person> person_of(const LdapSession::Entry& entry, const Asked& asked) {
    Person person{.address = entry.address.empty() ? asked.address : entry.address,
                  .name = entry.name,
                  .quota = {},
                  .entry = entry.dn};
    if (!entry.quota.empty()) {
      person.quota = parse_number<std::uint64_t>(entry.quota);
      if (!person.quota) return fail(kImplausible, "the quota of " + escape_controls(entry.dn, 200) + " is no number");
    }
    return person;
  }

  const LdapOptions options_;
  Connections<LdapSession> searches_;
  Connections<LdapSession> checks_;
};

}  // namespace

std::unique_ptr<Source> ldap_source(LdapOptions options, const Clock& clock) {
  return std::make_unique<LdapSource>(std::move(options), clock);
}

}  // namespace angarium::directory
