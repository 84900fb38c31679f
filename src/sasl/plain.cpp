// PLAIN (RFC 4616): the password as it is, in one message.
#include <memory>
#include <utility>

#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

struct Fields {
  Identity identity;
  Secret password;
};

/// message = [authzid] UTF8NUL authcid UTF8NUL passwd
Result<Fields> parse(std::string_view message) {
  const std::size_t first = message.find('\0');
  if (first == std::string_view::npos) return fail(kMalformed, "PLAIN: a message without fields");
  const std::size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return fail(kMalformed, "PLAIN: a message without a password");
  // A third NUL lands in the password, where preparation refuses it.
  Fields fields;
  if (first > 0) fields.identity.authorization_id = TRY(prepare_name(message.substr(0, first)));
  fields.identity.authentication_id = TRY(prepare_name(message.substr(first + 1, second - first - 1)));
  // A guess like any other; the grammar's 1*SAFE is for clients to keep.
  if (second + 1 == message.size()) return fail(kBadCredentials, "PLAIN: an empty password");
  fields.password = Secret(TRY(prepare(message.substr(second + 1), kPasswordMax)));
  return fields;
}

class PlainServer final : public ServerExchange {
 public:
  explicit PlainServer(ServerContext given) : ServerExchange(std::move(given), Starts::client) {}

 protected:
  ServerStep receive(std::string_view response) override {
    auto fields = parse(response);
    if (!fields) return Failure{std::move(fields).error()};
    identity_ = fields->identity;
    return PasswordWanted{std::move(fields->identity), std::move(fields->password)};
  }
  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    return Success{std::move(identity_), {}};
  }

 private:
  Identity identity_{};
};

class PlainClient final : public ClientExchange {
 public:
  explicit PlainClient(ClientContext given) : ClientExchange(std::move(given)) {}

  Result<std::optional<std::string>> initial_response() override {
    const Identity& identity = context().identity;
    std::string message;
    if (!identity.authorization_id.empty()) message = TRY(prepare_name(identity.authorization_id));
    message += '\0';
    message += TRY(prepare_name(identity.authentication_id));
    message += '\0';
    const Secret password(TRY(prepare(context().password.view(), kPasswordMax)));
    message += password.view();
    return message;
  }
  Result<std::string> respond(std::string_view) override { return fail(kMalformed, "PLAIN: the server asks for more"); }
  Result<> finish(std::string_view data) override {
    if (!data.empty()) return fail(kMalformed, "PLAIN: success comes without data");
    return {};
  }
};

}  // namespace

constinit const Mechanism kPlain = {"PLAIN",
                                    OnTheWire::plaintext,
                                    Needs::password,
                                    Binding::none,
                                    Grade::sound,
                                    ByDefault::on,
                                    [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                      return std::make_unique<PlainServer>(std::move(context));
                                    },
                                    [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                      return std::make_unique<PlainClient>(std::move(context));
                                    }};

}  // namespace angarium::sasl
