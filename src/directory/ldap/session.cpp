#include "directory/ldap/session.h"

#include <ldap.h>
#include <sys/time.h>

#include <array>

#include "base/text.h"

namespace angarium::directory {
namespace {

/// Answers to one question: a second entry is a mistake, a third one is not asked for.
constexpr int kEntriesMax = 2;

timeval time_of(Duration duration) {
  return {.tv_sec = duration.count() / 1'000'000, .tv_usec = duration.count() % 1'000'000};
}

struct FreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};
using Message = std::unique_ptr<LDAPMessage, FreeMessage>;

/// What the server or the library says, for the log: never a value of ours.
std::string words_of(int code, const char* said) {
  std::string words = ldap_err2string(code);
  if (said != nullptr && *said != '\0') words += " (" + escape_controls(said, 200) + ")";
  return words;
}

std::unexpected<Error> failed(int code, LDAP* ldap) {
  char* said = nullptr;
  ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said);
  std::string words = words_of(code, said);
  ldap_memfree(said);
  if (code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR) return fail(kLost, std::move(words));
  if (code == LDAP_TIMEOUT || code == LDAP_TIMELIMIT_EXCEEDED) return fail(kTimedOut, std::move(words));
  if (code == LDAP_NO_MEMORY) return fail(kOutOfMemory, std::move(words));
  if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE) return fail(kUnreachable, std::move(words));
  return fail(kRefused, std::move(words));
}

/// A server refuses a password in more ways than one: locked by policy, no password at all, an entry that is gone.
bool refuses_password(int code) {
  return code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH || code == LDAP_CONSTRAINT_VIOLATION ||
         code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_NO_SUCH_OBJECT || code == LDAP_INSUFFICIENT_ACCESS;
}

/// The first value; empty where the entry has none, or one that is too long.
std::string value_of(LDAP* ldap, LDAPMessage* entry, const std::string& attribute) {
  if (attribute.empty()) return {};
  berval** const values = ldap_get_values_len(ldap, entry, attribute.c_str());
  std::string value;
  if (values != nullptr && values[0] != nullptr && values[0]->bv_len <= kValueMax)
    value.assign(values[0]->bv_val, values[0]->bv_len);
  ldap_value_free_len(values);
  return value;
}

}  // namespace

struct LdapSession::Handle {
  LDAP* ldap = nullptr;
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (ldap != nullptr) ldap_unbind_ext(ldap, nullptr, nullptr);
  }
};

LdapSession::LdapSession(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
LdapSession::~LdapSession() = default;

Result<std::unique_ptr<LdapSession>> LdapSession::open(const LdapOptions& options) {
  auto handle = std::make_unique<Handle>();
  if (const int code = ldap_initialize(&handle->ldap, options.url.c_str()); code != LDAP_SUCCESS)
    return fail(kRefused, words_of(code, nullptr));
  LDAP* const ldap = handle->ldap;
  const int version = LDAP_VERSION3;
  const timeval time = time_of(options.timeout);
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int server = 0;
  bool set = ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
             ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
             ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &time) == LDAP_OPT_SUCCESS &&
             ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &time) == LDAP_OPT_SUCCESS &&
             // The certificate has to be right, and the host's, whatever ldap.conf says.
             ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS;
  if (!options.ca_file.empty())
    set = set && ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, options.ca_file.c_str()) == LDAP_OPT_SUCCESS;
  set = set && ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &server) == LDAP_OPT_SUCCESS;
  if (!set) return fail(kRefused, "libldap does not take its options, or ca_file cannot be read");
  if (options.start_tls == StartTls::yes)
    if (const int code = ldap_start_tls_s(ldap, nullptr, nullptr); code != LDAP_SUCCESS) return failed(code, ldap);
  return std::unique_ptr<LdapSession>(new LdapSession(std::move(handle)));
}

Result<LdapSession::Bound> LdapSession::bind(const std::string& dn, std::string_view password) {
  if (password.empty()) return Bound::refused;
  std::string copy(password);
  berval secret{.bv_len = copy.size(), .bv_val = copy.data()};
  const int code = ldap_sasl_bind_s(handle_->ldap, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, nullptr);
  wipe(copy);
  if (code == LDAP_SUCCESS) return Bound::yes;
  if (refuses_password(code)) return Bound::refused;
  return failed(code, handle_->ldap);
}

Result<std::optional<LdapSession::Entry>> LdapSession::search(const LdapOptions& options, const std::string& filter) {
  LDAP* const ldap = handle_->ldap;
  std::array<std::string, 4> names = {options.address_attribute, options.name_attribute, options.quota_attribute,
                                      std::string(LDAP_NO_ATTRS)};
  // Without any name of ours the server would send all attributes.
  std::array<char*, 5> wanted{};
  std::size_t count = 0;
  for (std::string& name : names)
    if (!name.empty()) wanted.at(count++) = name.data();
  if (count > 1) wanted.at(count - 1) = nullptr;
  timeval time = time_of(options.timeout);
  LDAPMessage* answer = nullptr;
  const int code = ldap_search_ext_s(ldap, options.base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(), wanted.data(), 0,
                                     nullptr, nullptr, &time, kEntriesMax, &answer);
  const Message message(answer);
  // With the size limit reached there are two, which is told below.
  if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) return failed(code, ldap);
  LDAPMessage* const first = ldap_first_entry(ldap, answer);
  if (first == nullptr) return std::nullopt;
  if (code == LDAP_SIZELIMIT_EXCEEDED || ldap_next_entry(ldap, first) != nullptr)
    return fail(kImplausible, "the filter finds more than one entry for one address");
  Entry entry;
  char* const dn = ldap_get_dn(ldap, first);
  if (dn == nullptr) return fail(kRefused, "an entry without a name");
  entry.dn = dn;
  ldap_memfree(dn);
  entry.address = value_of(ldap, first, options.address_attribute);
  entry.name = value_of(ldap, first, options.name_attribute);
  entry.quota = value_of(ldap, first, options.quota_attribute);
  return entry;
}

}  // namespace angarium::directory
