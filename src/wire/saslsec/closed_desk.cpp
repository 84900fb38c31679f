#include "wire/saslsec/closed_desk.h"

namespace angarium::wire::saslsec {
namespace {

std::unexpected<Error> closed() { return fail(sasl::kUnavailable, "nobody can log in here"); }

}  // namespace

io::Task<Result<>> ClosedDesk::verify_password(const sasl::Identity&, const sasl::Secret&) { co_return closed(); }
io::Task<Result<>> ClosedDesk::verify_authority(const sasl::Identity&) { co_return closed(); }
io::Task<Result<std::optional<sasl::ScramCredentials>>> ClosedDesk::scram_keys(const sasl::Identity&, sasl::Hash) {
  co_return closed();
}
io::Task<Result<std::optional<sasl::KeyCredentials>>> ClosedDesk::key(const sasl::KeyWanted&) { co_return closed(); }
io::Task<Result<std::optional<sasl::OtpCredentials>>> ClosedDesk::otp(const sasl::Identity&) { co_return closed(); }
io::Task<Result<>> ClosedDesk::replace_otp(const sasl::OtpChange&) { co_return closed(); }
io::Task<Result<std::string>> ClosedDesk::verify_token(const sasl::Identity&, const sasl::Secret&) {
  co_return closed();
}
io::Task<Result<>> ClosedDesk::admit_guest(std::string_view) { co_return closed(); }
io::Task<Result<sasl::GssAnswer>> ClosedDesk::gss(sasl::GssWanted) { co_return closed(); }
io::Task<Result<std::optional<sasl::KeyCredentials>>> ClosedDesk::plain_key(const sasl::Identity&) {
  co_return closed();
}

}  // namespace angarium::wire::saslsec
