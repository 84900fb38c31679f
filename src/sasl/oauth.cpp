// OAUTHBEARER (RFC 7628) and XOAUTH2 (as Google wrote it down): a bearer token in place of a password.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"
#include "sasl/scram_message.h"

namespace angarium::sasl {
namespace {

enum class Form { bearer, google };

constexpr char kSeparator = '\x01';
/// A token in octets; what a message has room for beside names and host.
constexpr std::size_t kTokenMax = 8192;

struct Message {
  Identity identity;
  std::string host;
  Secret token;
};

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "OAuth: " + std::move(text)); }

/// "Bearer" SP token (RFC 6750 §2.1): the token's octets are judged by who made it, as long as they are printable.
Result<Secret> bearer_token(std::string_view value) {
  const std::string_view scheme = take_until(value, ' ');
  if (!equals_ignore_case(scheme, "Bearer")) return malformed("the credentials are not a bearer token");
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (value.empty() || !std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7F; }))
    return malformed("the token is empty or not printable");
  if (value.size() > kTokenMax) return fail(kTooLong, "OAuth: the token is too long");
  return Secret::copy(value);
}

/// gs2-header (RFC 5801 §4) without its last comma being left: "n,a=user,". Channel binding is not defined for tokens.
Result<> gs2_header(std::string_view& text, Message& message) {
  const std::string_view flag = take_until(text, ',');
  if (flag.starts_with("p=")) return fail(kChannelBinding, "OAuth: there is no channel binding here");
  if (flag != "n" && flag != "y") return malformed("the header is missing");
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return malformed("the header does not end");
  const std::string_view authzid = text.substr(0, comma);
  text.remove_prefix(comma + 1);
  if (authzid.empty()) return {};
  if (!authzid.starts_with("a=")) return malformed("the authorization identity is malformed");
  const std::string name = TRY(parse_saslname(authzid.substr(2)));
  message.identity.authorization_id = TRY(prepare_name(name));
  return {};
}

/// *kvpair kvsep. Unknown keys are left alone (RFC 7628 §3.1).
Result<> pairs(std::string_view text, Form form, Message& message) {
  bool has_token = false;
  while (text != std::string_view(&kSeparator, 1)) {
    const std::size_t end = text.find(kSeparator);
    if (end == std::string_view::npos) return malformed("the message does not end");
    std::string_view value = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (value.find('=') == std::string_view::npos) return malformed("a pair without a value");
    const std::string_view key = take_until(value, '=');
    if (key.empty() || !std::ranges::all_of(key, is_alpha)) return malformed("a key that is none");
    if (key == "auth") {
      if (std::exchange(has_token, true)) return malformed("two tokens");
      message.token = TRY(bearer_token(value));
    } else if (key == "user" && form == Form::google) {
      message.identity.authorization_id = TRY(prepare_name(value));
    } else if (key == "host" && form == Form::bearer) {
      message.host = value;
    }
  }
  if (!has_token) return malformed("there is no token");
  return {};
}

Result<Message> parse(std::string_view text, Form form) {
  Message message;
  if (form == Form::bearer) {
    TRY(gs2_header(text, message));
    if (!text.starts_with(kSeparator)) return malformed("the header does not end");
    text.remove_prefix(1);
  }
  TRY(pairs(text, form, message));
  if (form == Form::google && message.identity.authorization_id.empty()) return malformed("there is no user");
  return message;
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (!is_control(c)) result += c;
  }
  return result + '"';
}

class OauthServer final : public ServerExchange {
 public:
  OauthServer(Form form, ServerContext given) : ServerExchange(std::move(given), Starts::client), form_(form) {}

 protected:
  ServerStep receive(std::string_view response) override {
    // The answer to the error, "^A" or nothing, says nothing.
    if (refused_) return Failure{*std::move(refused_)};
    auto message = parse(response, form_);
    if (!message) return Failure{std::move(message).error()};
    identity_ = message->identity;
    // RFC 7628 §3.2: a host the client meant to reach has to be this one.
    if (!message->host.empty() && !context().is_this_host(message->host))
      return refuse(Error(kBadCredentials, "OAuth: the client meant another host"), "invalid_request");
    return TokenWanted{std::move(message->identity), std::move(message->token)};
  }

  ServerStep token_judged(Result<std::string> owner) override {
    if (owner) {
      identity_.authentication_id = *std::move(owner);
      // Both forms have a client name its own account.
      if (identity_.authorization_id == identity_.authentication_id) identity_.authorization_id.clear();
      return Success{std::move(identity_), {}};
    }
    if (owner.error().temporary()) return Failure{std::move(owner).error()};
    return refuse(std::move(owner).error(), "invalid_token");
  }

 private:
  /// RFC 7628 §3.2.2: the reason goes out as a challenge, since an outcome has no room for it.
  ServerStep refuse(Error why, std::string_view status) {
    refused_ = std::move(why);
    // Google's form has the status of HTTP.
    std::string json = R"({"status":)" + json_string(form_ == Form::google ? "401" : status);
    if (form_ == Form::google) json += R"(,"schemes":"bearer")";
    if (!context().token_scope.empty()) json += R"(,"scope":)" + json_string(context().token_scope);
    if (!context().token_configuration.empty())
      json += R"(,"openid-configuration":)" + json_string(context().token_configuration);
    return Challenge{json + '}'};
  }

  Form form_;
  Identity identity_{};
  std::optional<Error> refused_{};
};

class OauthClient final : public ClientExchange {
 public:
  OauthClient(Form form, ClientContext given) : ClientExchange(std::move(given)), form_(form) {}

  Result<std::optional<std::string>> initial_response() override {
    const Identity& identity = context().identity;
    // Google's form, and servers of RFC 7628, are told as whom to act.
    const std::string& name =
        identity.authorization_id.empty() ? identity.authentication_id : identity.authorization_id;
    const std::string user = name.empty() ? std::string() : TRY(prepare_name(name));
    const std::string_view token = context().password.view();
    if (token.empty() || token.size() > kTokenMax ||
        !std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7F; }))
      return fail(kMalformed, "OAuth: the token is empty, too long or not printable");
    std::string message;
    if (form_ == Form::google) {
      message = "user=" + user + kSeparator;
    } else {
      message = write_gs2_header(BindingFlag::unsupported, {}, user) + kSeparator;
      if (!context().host.empty()) message += "host=" + context().host + kSeparator;
      if (context().port != 0) message += "port=" + std::to_string(context().port) + kSeparator;
    }
    message += "auth=Bearer ";
    message += token;
    message += kSeparator;
    return message + kSeparator;
  }
  Result<std::string> respond(std::string_view challenge) override {
    if (!refusal_.empty()) return fail(kMalformed, "OAuth: the server asks for more");
    refusal_ = "the server says " + escape_controls(challenge);
    return form_ == Form::google ? std::string() : std::string(1, kSeparator);
  }
  Result<> finish(std::string_view data) override {
    if (!refusal_.empty()) return fail(kBadCredentials, "OAuth: " + refusal_);
    if (!data.empty()) return fail(kMalformed, "OAuth: success comes without data");
    return {};
  }

 private:
  Form form_;
  std::string refusal_{};
};

template <Form form>
constexpr Mechanism row(std::string_view name) {
  return {name,
          OnTheWire::plaintext,
          Needs::token,
          Binding::none,
          Grade::sound,
          ByDefault::off,
          [](ServerContext context) -> std::unique_ptr<ServerExchange> {
            return std::make_unique<OauthServer>(form, std::move(context));
          },
          [](ClientContext context) -> std::unique_ptr<ClientExchange> {
            return std::make_unique<OauthClient>(form, std::move(context));
          }};
}

}  // namespace

constinit const Mechanism kOauthBearer = row<Form::bearer>("OAUTHBEARER");
constinit const Mechanism kXoauth2 = row<Form::google>("XOAUTH2");

}  // namespace angarium::sasl
