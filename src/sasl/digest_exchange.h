// The two halves of a DIGEST-MD5 exchange. Only the mechanism table and this room's tests need them by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sasl/client.h"
#include "sasl/digest_message.h"
#include "sasl/server.h"

namespace angarium::sasl {

class DigestServer final : public ServerExchange {
 public:
  /// `nonce`: fresh, and fit for a quoted string.
  DigestServer(ServerContext context, std::string nonce);

 protected:
  ServerStep first_challenge() override;
  ServerStep receive(std::string_view response) override;
  ServerStep key_given(std::optional<KeyCredentials> credentials) override;

 private:
  Result<> check();
  Result<> check_uri();

  std::string nonce_;
  DigestChallenge offered_{};
  bool challenged_ = false;
  DigestResponse response_{};
  Protection protection_ = Protection::none;
  Identity identity_{};
};

class DigestClient final : public ClientExchange {
 public:
  DigestClient(ClientContext context, std::string nonce);

  Result<std::optional<std::string>> initial_response() override;
  Result<std::string> respond(std::string_view challenge) override;
  Result<> finish(std::string_view data) override;
  std::unique_ptr<SecurityLayer> take_layer() override { return std::move(layer_); }

 private:
  enum class State { initial, responded, verified, over };
  Result<std::string> answer(std::string_view challenge);
  Result<> choose_protection(DigestChallenge challenge, DigestResponse& response);
  Result<> verify(std::string_view data);

  std::string nonce_;
  State state_ = State::initial;
  Protection protection_ = Protection::none;
  std::string expected_{};
  std::unique_ptr<SecurityLayer> layer_{};
};

}  // namespace angarium::sasl
