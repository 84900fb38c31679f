// A desk where nobody can log in.
#pragma once

#include "wire/saslsec/desk.h"

namespace angarium::wire::saslsec {

/// For servers that announce no AUTH. Every answer is sasl::kUnavailable.
class ClosedDesk final : public Desk {
 public:
  sasl::ServerContext context() override { return {}; }
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
};

}  // namespace angarium::wire::saslsec
