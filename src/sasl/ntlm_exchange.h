// The two halves of an NTLM exchange. Only the mechanism table and this room's tests need them by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sasl/client.h"
#include "sasl/ntlm_message.h"
#include "sasl/server.h"

namespace angarium::sasl {

class NtlmServer final : public ServerExchange {
 public:
  /// `challenge`: kNtlmChallengeOctets, fresh.
  NtlmServer(ServerContext context, std::string challenge);

 protected:
  ServerStep receive(std::string_view response) override;
  ServerStep key_given(std::optional<KeyCredentials> credentials) override;

 private:
  ServerStep negotiate(std::string_view message);
  ServerStep authenticate(std::string_view message);
  [[nodiscard]] Result<bool> proved(std::string_view nt_hash) const;
  Result<std::string> name() const;

  std::string challenge_;
  // All three messages, for the integrity code.
  std::string negotiate_{};
  std::string challenge_message_{};
  std::string authenticate_message_{};
  NtlmAuthenticate authenticate_{};
  bool unicode_ = true;
  bool has_mic_ = false;
  Identity identity_{};
};

class NtlmClient final : public ClientExchange {
 public:
  NtlmClient(ClientContext context, std::string challenge);

  Result<std::optional<std::string>> initial_response() override;
  Result<std::string> respond(std::string_view challenge) override;
  Result<> finish(std::string_view data) override;

 private:
  Result<std::string> answer(std::string_view challenge);

  std::string challenge_;
  enum class State { initial, negotiated, answered, over } state_ = State::initial;
  std::string negotiate_{};
};

}  // namespace angarium::sasl
