#include "protocol/smtp/backend.h"

#include <array>

namespace angarium::protocol::smtp {

std::string_view with_keyword(const Peer& peer, envelope::Utf8 utf8) {
  if (peer.hello == Hello::none || peer.hello == Hello::helo) return "SMTP";
  // RFC 3848 §1, RFC 6531 §4.3: S for TLS, A for authentication.
  constexpr std::array<std::string_view, 16> kKeywords = {
      "ESMTP",    "ESMTPS",    "ESMTPA",    "ESMTPSA",    "LMTP",     "LMTPS",     "LMTPA",     "LMTPSA",
      "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"};
  std::size_t index = 0;
  if (peer.channel == Channel::tls) index += 1;
  if (peer.identity) index += 2;
  if (peer.hello == Hello::lhlo) index += 4;
  if (utf8 == envelope::Utf8::accept) index += 8;
  return kKeywords[index];
}

io::Task<Result<std::optional<Checkpoint>>> Session::resume(const envelope::Sender& /*sender*/,
                                                            envelope::DeliveryId /*id*/) {
  co_return std::nullopt;
}

io::Task<Result<>> Session::authenticated(const sasl::Identity& /*identity*/) { co_return Result<>(); }

io::Task<> Session::ended(Ending /*ending*/) { co_return; }

io::Task<Result<Reply>> Session::atrn(const std::vector<std::string>& /*domains*/) {
  co_return Reply(reply::kNotImplemented);
}

io::Task<> Session::turned(wire::Connection& /*connection*/) { co_return; }

io::Task<Result<std::unique_ptr<UrlContent>>> Session::open_url(std::string /*url*/) {
  co_return fail(kUrlForeign, "URLs are not resolved here");
}

io::Task<Result<Reply>> Session::etrn(std::string_view /*domain*/) { co_return Reply(reply::kNotImplemented); }

}  // namespace angarium::protocol::smtp
