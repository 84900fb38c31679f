// The two halves of a SCRAM exchange. Only the mechanism table and this room's tests need them by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sasl/client.h"
#include "sasl/scram_message.h"
#include "sasl/scram_proof.h"
#include "sasl/server.h"

namespace angarium::sasl {

/// One of the six mechanisms.
struct ScramVariant {
  Hash hash;
  enum class Plus { no, yes } plus;
};

class ScramServer final : public ServerExchange {
 public:
  /// `nonce`: our part, printable and fresh.
  ScramServer(ScramVariant variant, ServerContext context, std::string nonce);

 protected:
  ServerStep receive(std::string_view response) override;
  ServerStep scram_credentials(std::optional<ScramCredentials> credentials) override;

 private:
  ServerStep client_first(std::string_view message);
  ServerStep client_final(std::string_view message);

  ScramVariant variant_;
  std::string nonce_;  ///< ours; both together once the client's is known
  ClientFirst first_{};
  Identity identity_{};
  std::string expected_cbind_input_{};
  std::string server_first_{};
  ScramKeys keys_{};
  enum class User { known, unknown } user_ = User::unknown;
  Authority authority_ = Authority::refused;
};

class ScramClient final : public ClientExchange {
 public:
  ScramClient(ScramVariant variant, ClientContext context, std::string nonce);

  Result<std::optional<std::string>> initial_response() override;
  Result<std::string> respond(std::string_view challenge) override;
  Result<> finish(std::string_view data) override;

 private:
  enum class State { initial, first_sent, final_sent, verified, over };
  Result<std::string> client_final(std::string_view server_first);
  Result<> verify(std::string_view server_final);

  ScramVariant variant_;
  std::string nonce_;
  State state_ = State::initial;
  std::string gs2_header_{};
  std::string bare_{};
  std::string binding_data_{};
  std::string expected_verifier_{};
};

}  // namespace angarium::sasl
