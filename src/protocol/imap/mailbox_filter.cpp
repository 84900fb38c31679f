#include "protocol/imap/mailbox_filter.h"

#include <algorithm>

#include "protocol/imap/limits.h"
#include "protocol/imap/mailbox_name.h"

namespace angarium::protocol::imap {
namespace {

bool personal(std::string_view name, const Namespaces& namespaces) {
  const auto holds = [&](const NamespaceRow& row) { return !row.prefix.empty() && name.starts_with(row.prefix); };
  return std::ranges::none_of(namespaces.others, holds) && std::ranges::none_of(namespaces.shared, holds);
}

/// How many levels below: 0 for the name itself, -1 for one that is not below it.
int depth_below(std::string_view name, std::string_view superior) {
  if (!name.starts_with(superior)) return -1;
  name.remove_prefix(superior.size());
  if (!name.empty() && name.front() != kHierarchyDelimiter) return -1;
  return static_cast<int>(std::ranges::count(name, kHierarchyDelimiter));
}

}  // namespace

bool matches(const MailboxFilter& filter, const NameRow& row, const Namespaces& namespaces) {
  using Kind = MailboxFilter::Kind;
  const auto any = [&](int least, int most) {
    return std::ranges::any_of(filter.names, [&](const auto& name) {
      const int depth = depth_below(row.name, name);
      return depth >= least && depth <= most;
    });
  };
  switch (filter.kind) {
    case Kind::selected:
    case Kind::selected_delayed: return false;
    // RFC 5465 §6.3: mail may be delivered into any of them.
    case Kind::inboxes:
    case Kind::personal: return personal(row.name, namespaces);
    case Kind::subscribed: return (row.attributes & kNameSubscribed) != 0;
    case Kind::subtree: return any(0, static_cast<int>(kMailboxNameMax));
    case Kind::subtree_one: return any(0, 1);
    case Kind::mailboxes: return any(0, 0);
  }
  return false;
}

}  // namespace angarium::protocol::imap
