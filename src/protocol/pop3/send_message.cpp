#include "base/log.h"
#include "message/dots.h"
#include "protocol/pop3/body.h"
#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {
namespace {

/// Appends a piece dot-stuffed; what has an owner goes without a copy.
void stuff(wire::Output& output, message::DotWriter& dots, std::string_view octets,
           const std::shared_ptr<const void>& owner) {
  while (!octets.empty()) {
    const std::string_view run = dots.take(octets);
    if (owner != nullptr && run.size() >= wire::Output::kWorthSharing) {
      output.append(owner, run);
    } else {
      output.append(run);
    }
  }
}

}  // namespace

io::Task<Result<>> Session::send_message(std::size_t index, Purpose purpose, std::optional<std::uint64_t> lines) {
  auto source = co_await maildrop->body().read(index, purpose);
  if (!source) {
    refuse(source.error());
    co_return Result<>();
  }
  // The first piece is in hand before +OK: what follows it can't be taken back (RFC 3206 §4, SYS/PERM).
  auto piece = co_await (*source)->next();
  if (!piece) {
    refuse(piece.error());
    co_return Result<>();
  }
  const std::uint64_t announced = (*source)->octets();
  std::string& status = output.text();
  status += "+OK ";
  if (!lines) {
    append_number(status, announced);
    status += " octets";
  } else {
    status += "top of message follows";
  }
  status += "\r\n";
  message::DotWriter dots;
  TopCutter cutter(lines.value_or(0));
  std::uint64_t sent = 0;
  while (!piece->octets.empty()) {
    const std::string_view octets = lines ? cutter.take(piece->octets) : piece->octets;
    sent += octets.size();
    stuff(output, dots, octets, piece->owner);
    CO_TRY(co_await room());
    if (lines && cutter.ended()) break;
    piece = co_await (*source)->next();
    if (piece) continue;
    log::error("pop3", "a message broke off, the connection is cut",
               {{"kind", piece.error().kind().name}, {"error", piece.error().text()}});
    co_return std::unexpected(std::move(piece).error());
  }
  output.append(dots.finish());
  // The client has the message; that the size was announced wrongly is for us to mend.
  if (!lines && sent != announced)
    log::error("pop3", "a message has not the size it was announced with", {{"announced", announced}, {"sent", sent}});
  co_return Result<>();
}

}  // namespace angarium::protocol::pop3
