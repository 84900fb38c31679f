// The desk answered from memory: for tests, fuzzing and session scripts.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/text.h"
#include "wire/saslsec/desk.h"

namespace angarium::wire::saslsec {

/// Knows users by their passwords and makes every key from them. What sessions share; one thread.
struct MemoryLogins {
  std::map<std::string, std::string, LessIgnoreCase> users{};
  std::optional<std::string> external_identity{};
  std::map<std::string, std::string, std::less<>> tokens{};  ///< token to owner
  std::map<std::string, sasl::OtpState, LessIgnoreCase> otp{};
  std::map<std::string, bool, LessIgnoreCase> without_keys{};  ///< users whose keys have not been made yet
  bool guests = false;
  std::string host{};
  std::optional<Error> trouble{};  ///< what every question is answered with
};

class MemoryDesk final : public Desk {
 public:
  explicit MemoryDesk(MemoryLogins& logins) : logins_(logins) {}

  sasl::ServerContext context() override;
  io::Task<Result<>> verify_password(const sasl::Identity& identity, const sasl::Secret& password) override;
  io::Task<Result<>> verify_authority(const sasl::Identity& identity) override;
  io::Task<Result<std::optional<sasl::ScramCredentials>>> scram_keys(const sasl::Identity& identity,
                                                                     sasl::Hash hash) override;
  io::Task<Result<std::optional<sasl::KeyCredentials>>> key(const sasl::KeyWanted& wanted) override;
  io::Task<Result<std::optional<sasl::OtpCredentials>>> otp(const sasl::Identity& identity) override;
  io::Task<Result<>> replace_otp(const sasl::OtpChange& change) override;
  io::Task<Result<std::string>> verify_token(const sasl::Identity& identity, const sasl::Secret& token) override;
  io::Task<Result<>> admit_guest(std::string_view trace) override;
  io::Task<Result<sasl::GssAnswer>> gss(sasl::GssWanted wanted) override;
  io::Task<Result<std::optional<sasl::KeyCredentials>>> plain_key(const sasl::Identity& identity) override;

 private:
  /// The password of who may be asked about; null: nobody of that name.
  [[nodiscard]] Result<const std::string*> find(const sasl::Identity& identity) const;

  MemoryLogins& logins_;
};

}  // namespace angarium::wire::saslsec
