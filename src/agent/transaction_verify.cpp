// VRFY and EXPN (RFC 5321 §3.5): what is told of addresses, and to whom.
#include "agent/transaction.h"
#include "protocol/smtp/reply.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using smtp::Reply;
using Kind = account::Resolution::Kind;

/// Members of a list that are told; who wants more asks the operator.
constexpr std::size_t kMembersMax = 1000;

/// "name" is one of this host, without a domain. Nothing where it is none.
std::optional<envelope::Mailbox> asked(std::string_view text, envelope::Utf8 utf8) {
  const bool named = text.find('@') == std::string_view::npos;
  auto mailbox = envelope::parse_mailbox(named ? std::string(text) + "@localhost" : std::string(text), {.utf8 = utf8});
  if (!mailbox) return std::nullopt;
  if (named) mailbox->domain.clear();
  return *std::move(mailbox);
}

std::string in_brackets(const std::string& address) { return "<" + address + ">"; }

}  // namespace

bool SmtpSession::may_ask() const {
  if (desk_.vrfy == configuration::Vrfy::users)
    return submission() ? local_ || peer_->identity.has_value() : of_relay_network();
  return desk_.vrfy == configuration::Vrfy::all;
}

io::Task<Result<SmtpSession::Verified>> SmtpSession::look_up(envelope::Mailbox mailbox) {
  if (at_this_host(mailbox)) mailbox.domain.clear();
  co_return co_await io::run(
      desk_.services.names(), party(),
      [&services = desk_.services, local = local_terms(), mailbox = std::move(mailbox)]() -> Result<Verified> {
        Verified found{.sorted = TRY(sort_mail(services, local.get(), mailbox)), .name = {}, .group = {}};
        if (found.sorted.kind != Kind::accounts) return found;
        if (found.sorted.accounts.size() == 1)
          if (const auto account = TRY(services.directory().account(found.sorted.accounts.front().address)))
            found.name = account->name;
        if (!mailbox.domain.empty()) {
          if (auto alias = TRY(services.directory().alias(mailbox.text()))) found.group = std::move(alias->targets);
        }
        return found;
      });
}

io::Task<Result<Reply>> SmtpSession::vrfy(std::string_view text, envelope::Utf8 utf8) {
  // RFC 5321 §7.3: whether an address exists is told to who brings mail for it, not to whoever asks.
  if (!may_ask()) co_return Reply(smtp::reply::kWillTry);
  const auto mailbox = asked(text, utf8);
  if (!mailbox) co_return Reply(501, {5, 1, 3}, "That is no address");
  const Verified found = CO_TRY(co_await look_up(*mailbox));
  const Sorted& sorted = found.sorted;
  const std::string address = mailbox->domain.empty() ? mailbox->local_part : mailbox->text();
  if (sorted.temporary() != nullptr) co_return Reply(smtp::reply::kWillTry);
  if (sorted.kind == Kind::not_local && may_relay(*mailbox)) co_return Reply(smtp::reply::kWillTry);
  if (sorted.kind != Kind::accounts) co_return refusal(sorted, address);
  // RFC 5321 §3.4.
  if (sorted.copies() == 1 && !sorted.onward.empty() && sorted.onward.front().target.empty())
    co_return Reply(251, {2, 1, 5}, "User not local; will forward to " + in_brackets(sorted.onward.front().to.text()));
  envelope::Mailbox shown = *mailbox;
  if (shown.domain.empty()) shown.domain = desk_.policy.hostname;
  std::string told =
      in_brackets(sorted.copies() == 1 && !sorted.accounts.empty() ? sorted.accounts.front().address : shown.text());
  if (!found.name.empty() && sorted.copies() == 1) told = found.name + " " + told;
  co_return Reply(250, {2, 1, 5}, std::move(told));
}

io::Task<Result<Reply>> SmtpSession::expn(std::string_view text, envelope::Utf8 utf8) {
  if (!may_ask()) co_return Reply(550, {5, 7, 1}, "Members of lists are not told to you");
  const auto mailbox = asked(text, utf8);
  if (!mailbox) co_return Reply(501, {5, 1, 3}, "That is no address");
  const Verified found = CO_TRY(co_await look_up(*mailbox));
  const Sorted& sorted = found.sorted;
  if (sorted.temporary() != nullptr)
    co_return Reply(451, {4, 3, 0}, "The list cannot be looked up now, try again later");
  if (sorted.kind != Kind::accounts) co_return Reply(550, {5, 1, 1}, "No such list");
  std::vector<std::string> members = found.group;
  if (members.empty()) {
    for (const account::Destination& account : sorted.accounts) members.push_back(account.address);
    // Files and commands have no address.
    for (const Sorted::Onward& onward : sorted.onward)
      if (onward.target.empty()) members.push_back(onward.to.text());
  }
  if (members.empty()) co_return Reply(550, {5, 1, 1}, "Nobody with an address is behind it");
  if (members.size() > kMembersMax) co_return Reply(550, {5, 7, 1}, "The list has too many members to be told");
  std::string lines;
  for (const std::string& member : members) lines += (lines.empty() ? "" : "\n") + in_brackets(member);
  co_return Reply(250, {2, 1, 5}, std::move(lines));
}

}  // namespace angarium::agent
