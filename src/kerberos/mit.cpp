// The one place that knows MIT Kerberos' headers.
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "kerberos/kerberos.h"

namespace angarium::kerberos {
namespace {

using sasl::Protection;

/// What the library reads, of which it wants to be able to write.
struct Input {
  std::string octets;
  gss_buffer_desc buffer;
  explicit Input(std::string_view text) : octets(text), buffer{.length = octets.size(), .value = octets.data()} {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
};

/// A buffer of the library's.
struct Buffer {
  gss_buffer_desc octets = GSS_C_EMPTY_BUFFER;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &octets);
  }
  [[nodiscard]] std::string text() const {
    return octets.length == 0 ? std::string() : std::string(static_cast<const char*>(octets.value), octets.length);
  }
};

struct Name {
  gss_name_t name = GSS_C_NO_NAME;
  Name() = default;
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  ~Name() {
    OM_uint32 minor = 0;
    if (name != GSS_C_NO_NAME) gss_release_name(&minor, &name);
  }
};

struct Credentials {
  gss_cred_id_t credentials = GSS_C_NO_CREDENTIAL;
  Credentials() = default;
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  ~Credentials() {
    OM_uint32 minor = 0;
    if (credentials != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &credentials);
  }
};

std::string words_of(OM_uint32 code, int type) {
  OM_uint32 minor = 0;
  OM_uint32 more = 0;
  Buffer words;
  if (gss_display_status(&minor, code, type, gss_mech_krb5, &more, &words.octets) != GSS_S_COMPLETE) return "?";
  return words.text();
}

/// What the library says, for the operator's log.
std::string words_of(OM_uint32 major, OM_uint32 minor) {
  std::string text = words_of(major, GSS_C_GSS_CODE);
  if (minor != 0) text += ": " + words_of(minor, GSS_C_MECH_CODE);
  return escape_controls(text, 300);
}

/// Trouble of this host, not of who logs in.
bool is_ours(OM_uint32 major, OM_uint32 minor) {
  if (GSS_ROUTINE_ERROR(major) != GSS_S_FAILURE) return false;
  constexpr OM_uint32 kErrnoMax = 4095;
  if (minor > 0 && minor <= kErrnoMax) return true;
  constexpr std::array<krb5_error_code, 12> kOurs = {
      KRB5_RC_IO,         KRB5_RC_IO_EOF,   KRB5_RC_MALLOC,        KRB5_RC_IO_MALLOC, KRB5_RC_IO_PERM, KRB5_RC_IO_IO,
      KRB5_RC_IO_UNKNOWN, KRB5_RC_IO_SPACE, KRB5_RC_TYPE_NOTFOUND, KRB5_RC_REQUIRED,  KRB5_KT_IOERR,   KRB5_KT_BADNAME};
  return std::ranges::find(kOurs, static_cast<krb5_error_code>(minor)) != kOurs.end();
}

Error error_of(OM_uint32 major, OM_uint32 minor) {
  const std::string text = "Kerberos: " + words_of(major, minor);
  if (is_ours(major, minor)) return {sasl::kUnavailable, text};
  switch (GSS_ROUTINE_ERROR(major)) {
    case GSS_S_BAD_BINDINGS: return {sasl::kChannelBinding, text};
    case GSS_S_NO_CRED:  // credentials for tokens of Kerberos are there: an empty one, or one of another mechanism
    case GSS_S_DEFECTIVE_TOKEN:
    case GSS_S_BAD_MECH: return {sasl::kMalformed, text};
    default: return {sasl::kBadCredentials, text};
  }
}

std::unexpected<Error> failed(OM_uint32 major, OM_uint32 minor) { return std::unexpected(error_of(major, minor)); }

/// What both sides do once the context is established.
class Body : public Context {
 public:
  ~Body() override {
    OM_uint32 minor = 0;
    if (context_ != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
  }
  [[nodiscard]] const std::string& peer() const override { return peer_; }
  [[nodiscard]] Protection strongest() const override {
    if ((flags_ & GSS_C_INTEG_FLAG) == 0) return Protection::none;
    return (flags_ & GSS_C_CONF_FLAG) == 0 ? Protection::integrity : Protection::confidentiality;
  }
  [[nodiscard]] std::size_t clear_max(std::size_t protected_max, Protection protection) const override {
    OM_uint32 minor = 0;
    OM_uint32 size = 0;
    const auto room = static_cast<OM_uint32>(std::min(protected_max, sasl::kLayerBufferCeiling));
    const OM_uint32 major = gss_wrap_size_limit(&minor, context_, sealed(protection), GSS_C_QOP_DEFAULT, room, &size);
    // The limit of a token that holds nothing is no token.
    return major == GSS_S_COMPLETE && size < room ? size : 0;
  }
  Result<std::string> wrap(std::string_view clear, Protection protection) override {
    OM_uint32 minor = 0;
    int is_sealed = 0;
    Buffer message;
    Input in(clear);
    const OM_uint32 major =
        gss_wrap(&minor, context_, sealed(protection), GSS_C_QOP_DEFAULT, &in.buffer, &is_sealed, &message.octets);
    if (major != GSS_S_COMPLETE || is_sealed != sealed(protection))
      return fail(kBroken, "Kerberos: a message is not protected: " + words_of(major, minor));
    return message.text();
  }
  Result<Opened> unwrap(std::string_view message) override {
    OM_uint32 minor = 0;
    int is_sealed = 0;
    gss_qop_t quality = 0;
    Buffer clear;
    Input in(message);
    // RFC 4752 §3.3: what is repeated or out of order tells so beside success.
    const OM_uint32 major = gss_unwrap(&minor, context_, &in.buffer, &clear.octets, &is_sealed, &quality);
    if (major != GSS_S_COMPLETE) return fail(sasl::kLayer, "Kerberos: " + words_of(major, minor));
    return Opened{.clear = clear.text(), .sealed = is_sealed != 0};
  }

 protected:
  static int sealed(Protection protection) { return protection == Protection::confidentiality ? 1 : 0; }

  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  OM_uint32 flags_ = 0;
  std::string peer_{};
};

Result<std::string> principal_of(gss_name_t name) {
  OM_uint32 minor = 0;
  gss_OID type = GSS_C_NO_OID;
  Buffer text;
  const OM_uint32 major = gss_display_name(&minor, name, &text.octets, &type);
  if (major != GSS_S_COMPLETE) return failed(major, minor);
  if (type == GSS_C_NO_OID || gss_oid_equal(type, GSS_KRB5_NT_PRINCIPAL_NAME) == 0)
    return fail(sasl::kBadCredentials, "Kerberos: a name that is no principal's");
  return text.text();
}

class Acceptor final : public Body {
 public:
  Acceptor(AcceptorTerms terms, std::string service) : terms_(std::move(terms)), service_(std::move(service)) {}

  Result<Step> step(std::string_view token, const std::optional<std::string>& bindings) override {
    if (credentials_.credentials == GSS_C_NO_CREDENTIAL) TRY(acquire());
    gss_channel_bindings_struct bound{};
    Input application(bindings.value_or(std::string()));
    bound.application_data = application.buffer;
    Input in(token);
    Buffer out;
    Name source;
    gss_OID mechanism = GSS_C_NO_OID;
    OM_uint32 minor = 0;
    // No delegated credentials are taken.
    const OM_uint32 major = gss_accept_sec_context(&minor, &context_, credentials_.credentials, &in.buffer,
                                                   bindings ? &bound : GSS_C_NO_CHANNEL_BINDINGS, &source.name,
                                                   &mechanism, &out.octets, &flags_, nullptr, nullptr);
    if (GSS_ERROR(major)) return failed(major, minor);
    // RFC 4752 §3.2
    if (mechanism == GSS_C_NO_OID || gss_oid_equal(mechanism, gss_mech_krb5) == 0)
      return fail(sasl::kMalformed, "Kerberos: a token of another mechanism");
    Step step{.token = out.text(), .established = (major & GSS_S_CONTINUE_NEEDED) == 0};
    if (!step.established) return step;
    // RFC 5801 §5.1: a client that has bound nothing could have been sent here by somebody between.
    if (bindings && (flags_ & GSS_C_CHANNEL_BOUND_FLAG) == 0)
      return fail(sasl::kChannelBinding, "Kerberos: the client has not bound its ticket to this exchange");
    TRY(check_target());
    peer_ = TRY(principal_of(source.name));
    return step;
  }

 private:
  Result<> acquire() {
    const std::string keytab = "FILE:" + terms_.keytab;
    const std::string cache = "file2:" + terms_.replay_cache;
    std::array<gss_key_value_element_desc, 2> elements = {
        {{.key = "keytab", .value = keytab.c_str()}, {.key = "rcache", .value = cache.c_str()}}};
    const gss_key_value_set_desc store{.count = elements.size(), .elements = elements.data()};
    gss_OID_set_desc mechanisms{.count = 1, .elements = gss_mech_krb5};
    OM_uint32 minor = 0;
    const OM_uint32 major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT,
                                                  &store, &credentials_.credentials, nullptr, nullptr);
    if (GSS_ERROR(major))
      return fail(sasl::kUnavailable,
                  "Kerberos: the keytab " + terms_.keytab + " cannot be used: " + words_of(major, minor));
    return {};
  }

  /// RFC 4752 §3.2: whoever may see tickets for other services of the keytab must not come in by them.
  Result<> check_target() {
    OM_uint32 minor = 0;
    Name target;
    const OM_uint32 major =
        gss_inquire_context(&minor, context_, nullptr, &target.name, nullptr, nullptr, nullptr, nullptr, nullptr);
    if (GSS_ERROR(major)) return failed(major, minor);
    const std::string principal = TRY(principal_of(target.name));
    std::string_view rest = principal;
    const std::string_view service = take_until(rest, '/');
    const std::string_view host = take_until(rest, '@');
    const auto known = [&](const std::string& one) { return equals_ignore_case(one, host); };
    if (service != service_ || host.empty() || (!terms_.hosts.empty() && !std::ranges::any_of(terms_.hosts, known)))
      return fail(sasl::kBadCredentials, "Kerberos: the ticket is for " + escape_controls(principal));
    return {};
  }

  AcceptorTerms terms_;
  std::string service_;
  Credentials credentials_{};
};

/// An initiator's context that has made its first token.
struct Begun {
  std::optional<std::string> bindings{};
  Context::Step first{};
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  OM_uint32 flags = 0;
  Begun() = default;
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;
  ~Begun() {
    OM_uint32 minor = 0;
    if (context != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
  }
};

class Initiator final : public Body {
 public:
  /// Waits.
  Result<> begin(const InitiatorTerms& terms) {
    OM_uint32 minor = 0;
    const std::string text = terms.service + "@" + terms.host;
    Input name(text);
    OM_uint32 major = gss_import_name(&minor, &name.buffer, GSS_C_NT_HOSTBASED_SERVICE, &target_.name);
    if (!GSS_ERROR(major)) major = acquire(terms, minor);
    if (GSS_ERROR(major))
      return fail(sasl::kUnavailable,
                  "Kerberos: the tickets" +
                      (terms.credentials_cache.empty() ? std::string() : " in " + terms.credentials_cache) +
                      " cannot be used: " + words_of(major, minor));
    wanted_ = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG;
    if (terms.protection_max == Protection::confidentiality) wanted_ |= GSS_C_CONF_FLAG;
    // The first gets the ticket for the service; for the others it is in the cache.
    for (const auto& bindings : terms.bindings) {
      auto first = go_on({}, bindings);
      if (!first) return fail(sasl::kUnavailable, first.error().text());
      auto begun = std::make_unique<Begun>();
      begun->bindings = bindings;
      begun->first = *std::move(first);
      begun->context = std::exchange(context_, GSS_C_NO_CONTEXT);
      begun->flags = std::exchange(flags_, 0);
      begun_.push_back(std::move(begun));
    }
    return {};
  }

  Result<Step> step(std::string_view token, const std::optional<std::string>& bindings) override {
    if (context_ == GSS_C_NO_CONTEXT) {
      const auto chosen =
          std::ranges::find_if(begun_, [&](const std::unique_ptr<Begun>& one) { return one->bindings == bindings; });
      if (chosen == begun_.end()) return fail(kBroken, "Kerberos: no context was begun with these bindings");
      context_ = std::exchange((*chosen)->context, GSS_C_NO_CONTEXT);
      flags_ = (*chosen)->flags;
      Step first = std::move((*chosen)->first);
      begun_.clear();
      return first;
    }
    auto next = go_on(token, bindings);
    if (!next) return fail(sasl::kServerNotAuthentic, next.error().text());
    return next;
  }

 private:
  OM_uint32 acquire(const InitiatorTerms& terms, OM_uint32& minor) {
    Name principal;
    if (!terms.principal.empty()) {
      Input text(terms.principal);
      const OM_uint32 major = gss_import_name(&minor, &text.buffer, GSS_KRB5_NT_PRINCIPAL_NAME, &principal.name);
      if (GSS_ERROR(major)) return major;
    }
    gss_key_value_element_desc element{.key = "ccache", .value = terms.credentials_cache.c_str()};
    const gss_key_value_set_desc store{.count = 1, .elements = &element};
    gss_OID_set_desc mechanisms{.count = 1, .elements = gss_mech_krb5};
    return gss_acquire_cred_from(&minor, principal.name, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
                                 terms.credentials_cache.empty() ? GSS_C_NO_CRED_STORE : &store,
                                 &credentials_.credentials, nullptr, nullptr);
  }

  Result<Step> go_on(std::string_view token, const std::optional<std::string>& bindings) {
    gss_channel_bindings_struct bound{};
    Input application(bindings.value_or(std::string()));
    bound.application_data = application.buffer;
    Input in(token);
    Buffer out;
    OM_uint32 minor = 0;
    const OM_uint32 major = gss_init_sec_context(
        &minor, credentials_.credentials, &context_, target_.name, gss_mech_krb5, wanted_, GSS_C_INDEFINITE,
        bindings ? &bound : GSS_C_NO_CHANNEL_BINDINGS, &in.buffer, nullptr, &out.octets, &flags_, nullptr);
    if (GSS_ERROR(major)) return failed(major, minor);
    const bool established = (major & GSS_S_CONTINUE_NEEDED) == 0;
    if (established && (flags_ & GSS_C_MUTUAL_FLAG) == 0)
      return fail(sasl::kServerNotAuthentic, "Kerberos: the server has not shown who it is");
    return Step{.token = out.text(), .established = established};
  }

  Credentials credentials_{};
  Name target_{};
  OM_uint32 wanted_ = 0;
  std::vector<std::unique_ptr<Begun>> begun_{};  ///< until one of them is used
};

}  // namespace

std::unique_ptr<Context> accept(AcceptorTerms terms, std::string service) {
  return std::make_unique<Acceptor>(std::move(terms), std::move(service));
}

Result<std::unique_ptr<Context>> initiate(const InitiatorTerms& terms) {
  auto made = std::make_unique<Initiator>();
  TRY(made->begin(terms));
  return made;
}

}  // namespace angarium::kerberos
