// Mail that a provider holds for domains of ours (On-Demand Mail Relay, RFC 2645): we ask, the connection turns round,
// and what comes over it comes as over our own port.
#include "agent/fetch_run.h"
#include "agent/transaction.h"
#include "base/text.h"
#include "protocol/smtp/client.h"
#include "protocol/smtp/server.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

io::Task<Result<>> enter(FetchRun& run, smtp::Client& client) {
  const fetch::Box& box = *run.box;
  CO_TRY(co_await client.open());
  if (box.tls == fetch::Tls::starttls) {
    if (!client.extensions().starttls) co_return fail(kFetchRefused, "the server offers no STARTTLS");
    CO_TRY(co_await client.start_tls());
  }
  CO_TRY(co_await check_key(run));
  // RFC 2645 §5.1.1
  if (!client.extensions().atrn) co_return std::unexpected(refused_before_login(box, "the server does not offer ATRN"));
  auto credentials = CO_TRY(co_await fetch_credentials(run, "smtp"));
  // Whether there may be a connection without TLS was judged before it was made.
  const auto in = co_await client.authenticate(std::move(credentials), sasl::Plaintext::allowed, weak_for(box));
  if (!in && in.error().is(smtp::kNoMechanism)) co_return std::unexpected(refused_before_login(box, in.error().text()));
  if (!in && in.error().is(smtp::kRefusedForGood) && may_change(run))
    co_return fail(sasl::kUnavailable, in.error().text());
  if (!in && in.error().is(smtp::kRefusedForGood)) co_return fail(kFetchRefused, in.error().text());
  co_return in;
}

/// True: the connection has turned round.
io::Task<Result<bool>> ask(smtp::Client& client) {
  const smtp::Reply reply = CO_TRY(co_await client.atrn());
  if (reply.completed()) co_return true;
  if (reply.code == 453) co_return false;  // RFC 2645 §5.2.1: there is no mail
  const std::string words = "ATRN: " + std::to_string(reply.code) + " " + escape_controls(reply.text, 200);
  // 450: none of the domains is ours, or we ask too often.
  if (reply.code == 450) co_return fail(kFetchNotLetIn, words);
  co_return fail(reply.transient() ? smtp::kRefusedNow : kFetchRefused, words);
}

/// As anybody is served who brings mail to this host; a provider is nobody who may send through it.
SmtpDesk desk_of(const SmtpDesk& mx, Rate& rate) {
  SmtpDesk desk{.services = mx.services,
                .budget = mx.budget,
                .rate = rate,
                .policy = mx.policy,
                .outbound = mx.outbound,
                .relay_domains = mx.relay_domains,
                .odmr = mx.odmr,
                .checkpoint_octets = mx.checkpoint_octets,
                .vrfy = mx.vrfy};
  desk.policy.tls = smtp::TlsUse::none;  // it began as ours
  desk.policy.etrn = smtp::Announce::no;
  desk.policy.early_talk = smtp::EarlyTalk::allow;
  return desk;
}

}  // namespace

io::Task<Result<>> fetch_odmr(FetchRun& run) {
  if (run.mx == nullptr) co_return fail(kFetchRefused, "no mail is taken here by SMTP");
  smtp::Client client(*run.connection, {.name = run.hostname});
  CO_TRY(co_await enter(run, client));
  if (!CO_TRY(co_await ask(client))) {
    co_await client.quit();
    co_return Result<>();
  }
  if (!run.wanted()) co_return fail(kCancelled, "stopped");
  run.serving = true;
  Rate unlimited(0);
  const SmtpDesk desk = desk_of(*run.mx, unlimited);
  {
    SmtpSession session(desk, run.connection->peer());
    // Under the layer of our login, if there is one.
    co_await smtp::serve(client.connection(), session, desk.policy, &run.stop);
    run.taken = session.accepted();
  }
  run.progress.messages += run.taken;
  co_return Result<>();
}

}  // namespace angarium::agent
