// GS2-KRB5 and GS2-KRB5-PLUS (RFC 5801): Kerberos bound to the channel below and to the authorization identity.
#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/gs2_header.h"
#include "sasl/gss.h"
#include "sasl/gss_tokens.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

/// 1.2.840.113554.1.2.2, with its tag and length.
constexpr std::string_view kKerberos = "\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02";
constexpr char kApplication = 0x60;

std::unexpected<Error> malformed(std::string_view text) { return fail(kMalformed, "GS2-KRB5: " + std::string(text)); }

/// RFC 2743 §3.1: what stands before the first token of a mechanism, and RFC 5801 §4 leaves out.
std::string with_token_header(std::string_view token) {
  const std::size_t size = kKerberos.size() + token.size();
  std::string result(1, kApplication);
  if (size < 0x80) {
    result += static_cast<char>(size);
  } else if (size <= 0xFF) {
    result += {'\x81', static_cast<char>(size)};
  } else {
    // A response has kMessageMax octets at most.
    result += {'\x82', static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)};
  }
  result += kKerberos;
  result += token;
  return result;
}

Result<std::string> without_token_header(std::string_view token) {
  const std::string_view whole = token;
  if (token.size() < 2 || token[0] != kApplication) return malformed("a token without its header");
  const auto length = static_cast<unsigned char>(token[1]);
  token.remove_prefix(2);
  const std::size_t more = length < 0x80 ? 0 : length & 0x7F;
  if (token.size() < more) return malformed("a token without its header");
  token.remove_prefix(more);
  if (!token.starts_with(kKerberos)) return malformed("a token of another mechanism");
  token.remove_prefix(kKerberos.size());
  if (with_token_header(token) != whole) return malformed("a token with a length that is not its own");
  return std::string(token);
}

class Gs2Server final : public ServerExchange {
 public:
  Gs2Server(Gs2Plus plus, ServerContext given) : ServerExchange(std::move(given), Starts::client), plus_(plus) {}

 protected:
  ServerStep receive(std::string_view response) override {
    if (bindings_) return wanted(std::string(response));
    // gs2-nonstd-flag: tokens of Kerberos have the header, always.
    if (response.starts_with("F,")) return Failure{malformed("the first token is none of Kerberos").error()};
    auto header = parse_gs2_header(response);
    if (!header) return Failure{std::move(header).error()};
    auto bound = channel_binding_input(*header, plus_, context().plus_offered, context().bindings);
    if (!bound) return Failure{std::move(bound).error()};
    bindings_ = *std::move(bound);
    if (!header->authorization_id.empty()) {
      auto authzid = prepare_name(header->authorization_id);
      if (!authzid) return Failure{std::move(authzid).error()};
      identity_.authorization_id = *std::move(authzid);
    }
    return wanted(with_token_header(response));
  }

  ServerStep gss_given(GssAnswer answer) override {
    gss_ = std::move(answer.context);
    if (!answer.owner) return Challenge{std::move(answer.token)};
    identity_.authentication_id = *std::move(answer.owner);
    last_token_ = std::move(answer.token);
    return AuthorityWanted{identity_};
  }

  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    return Success{std::move(identity_), std::move(last_token_)};
  }

 private:
  ServerStep wanted(std::string token) {
    if (++tokens_ > kGssTokensMax)
      return Failure{Error(kBadCredentials, "GS2-KRB5: the exchange of tokens has no end")};
    return GssWanted{
        .context = std::move(gss_), .token = std::move(token), .service = context().service, .bindings = bindings_};
  }

  Gs2Plus plus_;
  std::size_t tokens_ = 0;
  std::unique_ptr<GssContext> gss_{};
  std::optional<std::string> bindings_{};  ///< once the header is known
  Identity identity_{};
  std::string last_token_{};
};

class Gs2Client final : public ClientExchange {
 public:
  Gs2Client(Gs2Plus plus, std::unique_ptr<GssContext> gss, ClientContext given)
      : ClientExchange(std::move(given)), plus_(plus), gss_(std::move(gss)) {}

  Result<std::optional<std::string>> initial_response() override {
    if (gss_ == nullptr) return fail(kUnavailable, "GS2-KRB5: there is no ticket");
    const auto& bindings = context().bindings;
    if (plus_ == Gs2Plus::yes && bindings.empty())
      return fail(kChannelBinding, "GS2-KRB5-PLUS: this connection has nothing to bind to");
    const bool unaware = !bindings.empty() && context().plus_offered == PlusOffered::no;
    const BindingFlag flag = plus_ == Gs2Plus::yes ? BindingFlag::used
                             : unaware             ? BindingFlag::server_unaware
                                                   : BindingFlag::unsupported;
    const std::string& name = context().identity.authorization_id;
    const std::string authzid = name.empty() ? std::string() : TRY(prepare_name(name));
    const std::string header =
        write_gs2_header(flag, plus_ == Gs2Plus::yes ? std::string_view(bindings.front().type) : "", authzid);
    // gss_bindings() has all that comes out here.
    bindings_ = header + (plus_ == Gs2Plus::yes ? bindings.front().data : std::string());
    auto step = TRY(gss_->step({}, bindings_));
    established_ = step.established;
    return header + TRY(without_token_header(step.token));
  }

  /// Every message of the server's is a token, the one that comes with its success, too.
  Result<std::string> respond(std::string_view challenge) override {
    if (gss_ == nullptr || established_ || !bindings_) return malformed("the server asks for more");
    if (challenge.empty()) return malformed("the server gives no token");
    auto step = TRY(gss_->step(challenge, bindings_));
    established_ = step.established;
    return std::move(step.token);
  }

  Result<> finish(std::string_view data) override {
    if (!data.empty()) TRY(respond(data));
    if (!established_) return fail(kServerNotAuthentic, "GS2-KRB5: the server has not shown who it is");
    return {};
  }

 private:
  Gs2Plus plus_;
  std::unique_ptr<GssContext> gss_;
  std::optional<std::string> bindings_{};
  bool established_ = false;
};

template <Gs2Plus plus>
constexpr Mechanism mechanism(std::string_view name) {
  return {name,
          OnTheWire::proof,
          Needs::ticket,
          plus == Gs2Plus::yes ? Binding::required : Binding::told,
          Grade::sound,
          ByDefault::off,
          [](ServerContext context) -> std::unique_ptr<ServerExchange> {
            return std::make_unique<Gs2Server>(plus, std::move(context));
          },
          [](ClientContext context) -> std::unique_ptr<ClientExchange> {
            auto gss = std::move(context.gss);
            return std::make_unique<Gs2Client>(plus, std::move(gss), std::move(context));
          }};
}

}  // namespace

std::vector<std::optional<std::string>> gss_bindings(std::span<const ChannelBinding> bindings) {
  std::vector<std::optional<std::string>> all = {std::nullopt, write_gs2_header(BindingFlag::unsupported, "", "")};
  if (bindings.empty()) return all;
  all.emplace_back(write_gs2_header(BindingFlag::server_unaware, "", ""));
  all.emplace_back(write_gs2_header(BindingFlag::used, bindings.front().type, "") + bindings.front().data);
  return all;
}

constinit const Mechanism kGs2Krb5Plus = mechanism<Gs2Plus::yes>("GS2-KRB5-PLUS");
constinit const Mechanism kGs2Krb5 = mechanism<Gs2Plus::no>("GS2-KRB5");

}  // namespace angarium::sasl
