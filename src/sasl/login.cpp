// LOGIN (draft-murchison-sasl-login-00): user name and password, one after the other. Obsolete and everywhere.
#include <memory>
#include <utility>

#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

class LoginServer final : public ServerExchange {
 public:
  explicit LoginServer(ServerContext given) : ServerExchange(std::move(given), Starts::server) {}

 protected:
  // Old clients look for these very words.
  ServerStep first_challenge() override { return Challenge{"Username:"}; }

  /// The user name may also come as an initial response: many clients send it so, though the draft has no such thing.
  ServerStep receive(std::string_view response) override {
    if (identity_.authentication_id.empty()) {
      auto name = prepare_name(response);
      if (!name) return Failure{std::move(name).error()};
      identity_.authentication_id = *std::move(name);
      return Challenge{"Password:"};
    }
    if (response.empty()) return Failure{{kBadCredentials, "LOGIN: an empty password"}};
    auto password = prepare(response, kPasswordMax);
    if (!password) return Failure{std::move(password).error()};
    return PasswordWanted{identity_, Secret(*std::move(password))};
  }
  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    return Success{std::move(identity_), {}};
  }

 private:
  Identity identity_{};
};

class LoginClient final : public ClientExchange {
 public:
  explicit LoginClient(ClientContext given) : ClientExchange(std::move(given)) {}

  Result<std::optional<std::string>> initial_response() override {
    if (!context().identity.authorization_id.empty())
      return fail(kNotAuthorized, "LOGIN: no room for an authorization identity");
    return std::nullopt;
  }
  /// What the challenges say is not looked at: servers word them as they like.
  Result<std::string> respond(std::string_view) override {
    switch (answered_++) {
      case 0: return prepare_name(context().identity.authentication_id);
      case 1: return prepare(context().password.view(), kPasswordMax);
      default: return fail(kMalformed, "LOGIN: the server asks for more");
    }
  }
  Result<> finish(std::string_view data) override {
    if (!data.empty()) return fail(kMalformed, "LOGIN: success comes without data");
    return {};
  }

 private:
  unsigned answered_ = 0;
};

}  // namespace

constinit const Mechanism kLogin = {"LOGIN",
                                    OnTheWire::plaintext,
                                    Needs::password,
                                    Binding::none,
                                    Grade::sound,
                                    ByDefault::on,
                                    [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                      return std::make_unique<LoginServer>(std::move(context));
                                    },
                                    [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                      return std::make_unique<LoginClient>(std::move(context));
                                    }};

}  // namespace angarium::sasl
