// COMPARATOR (RFC 5255 §4.7): by which collation SEARCH, SORT and THREAD compare texts.
#include <algorithm>

#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

using message::Collation;
using message::kCollationNames;

std::string_view name_of(Collation collation) { return kCollationNames[static_cast<std::size_t>(collation)]; }

/// Whether a name is what the pattern has, "*" standing for any octets.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*')
    return !name.empty() && pattern.front() == name.front() && matches(pattern.substr(1), name.substr(1));
  for (std::size_t skip = 0; skip <= name.size(); ++skip)
    if (matches(pattern.substr(1), name.substr(skip))) return true;
  return false;
}

/// collation-order = ["+" / "-"] collation-wild (RFC 4790 §3.2, §3.3). kSyntax for what cannot be one.
Result<std::string> collation_order(Parser& parser) {
  auto order = TRY(parser.astring());
  const bool odd = order.empty() || order.size() > kCollationNameMax || order.contains("**");
  if (odd) return fail(kSyntax, "A collation was expected");
  return order;
}

/// The installed ones that the orders name, in the orders' order.
std::vector<Collation> named_by(const std::vector<std::string>& orders) {
  std::vector<Collation> found;
  const auto add = [&](Collation collation) {
    if (std::ranges::find(found, collation) == found.end()) found.push_back(collation);
  };
  for (std::string_view order : orders) {
    if (equals_ignore_case(order, "default")) {
      add(Collation::unicode_casemap);
      continue;
    }
    // SORT has REVERSE for the other direction: no collation is installed the wrong way round.
    if (order.starts_with('+')) order.remove_prefix(1);
    for (std::size_t i = 0; i < std::size(kCollationNames); ++i)
      if (matches(order, kCollationNames[i])) add(static_cast<Collation>(i));
  }
  return found;
}

void tell(Session& session, const std::vector<Collation>& matching) {
  auto& out = session.text();
  out += "* COMPARATOR ";
  append_astring(out, name_of(session.collation), message::ImapForm::ascii);
  for (std::size_t i = 0; matching.size() > 1 && i < matching.size(); ++i) {
    out += i == 0 ? " (" : " ";
    append_astring(out, name_of(matching[i]), message::ImapForm::ascii);
  }
  out += matching.size() > 1 ? ")\r\n" : "\r\n";
}

}  // namespace

io::Task<Result<Reply>> comparator(Session& session, Command& command) {
  auto& parser = command.parser;
  std::vector<std::string> orders;
  if (!parser.at_end()) {
    do {
      if (orders.size() == kPreferencesMax) co_return fail(kLimit, "Too many collations");
      orders.push_back(CO_TRY(collation_order(parser)));
    } while (parser.present(' '));
  }
  CO_TRY(parser.end());
  std::vector<Collation> matching;
  if (!orders.empty()) {
    matching = named_by(orders);
    if (matching.empty()) co_return fail(kBadComparator, "No such collation is installed");
    session.collation = matching.front();
  }
  tell(session, matching);
  co_return done("Will use " + std::string(name_of(session.collation)));
}

}  // namespace angarium::protocol::imap::command
