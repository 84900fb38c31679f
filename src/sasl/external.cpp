// EXTERNAL (RFC 4422 appendix A): who the client is has been proved by a layer below, such as a TLS certificate.
#include <memory>
#include <utility>

#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

class ExternalServer final : public ServerExchange {
 public:
  explicit ExternalServer(ServerContext given) : ServerExchange(std::move(given), Starts::client) {}

 protected:
  ServerStep receive(std::string_view response) override {
    if (!context().external_identity)
      return failure(kBadCredentials, "EXTERNAL: no layer below has proved who the client is");
    identity_.authentication_id = *context().external_identity;
    if (!response.empty()) {
      auto authzid = prepare_name(response);
      if (!authzid) return Failure{std::move(authzid).error()};
      identity_.authorization_id = *std::move(authzid);
    }
    return AuthorityWanted{identity_};
  }
  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    return Success{std::move(identity_), {}};
  }

 private:
  Identity identity_{};
};

class ExternalClient final : public ClientExchange {
 public:
  explicit ExternalClient(ClientContext given) : ClientExchange(std::move(given)) {}

  Result<std::optional<std::string>> initial_response() override {
    if (context().identity.authorization_id.empty()) return std::string();
    return TRY(prepare_name(context().identity.authorization_id));
  }
  Result<std::string> respond(std::string_view) override {
    return fail(kMalformed, "EXTERNAL: the server asks for more");
  }
  Result<> finish(std::string_view data) override {
    if (!data.empty()) return fail(kMalformed, "EXTERNAL: success comes without data");
    return {};
  }
};

}  // namespace

constinit const Mechanism kExternal = {"EXTERNAL",
                                       OnTheWire::nothing,
                                       Needs::external_identity,
                                       Binding::none,
                                       Grade::sound,
                                       ByDefault::on,
                                       [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                         return std::make_unique<ExternalServer>(std::move(context));
                                       },
                                       [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                         return std::make_unique<ExternalClient>(std::move(context));
                                       }};

}  // namespace angarium::sasl
