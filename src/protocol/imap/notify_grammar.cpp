// The arguments of NOTIFY (RFC 5465 §8).
#include <algorithm>
#include <array>
#include <utility>

#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

constexpr auto kEvents = std::to_array<std::pair<std::string_view, NotifyEvent>>({
    {"MESSAGENEW", kEventMessageNew},
    {"MESSAGEEXPUNGE", kEventMessageExpunge},
    {"FLAGCHANGE", kEventFlagChange},
    {"MAILBOXNAME", kEventMailboxName},
    {"SUBSCRIPTIONCHANGE", kEventSubscriptionChange},
    {"MAILBOXMETADATACHANGE", kEventMailboxMetadata},
    {"SERVERMETADATACHANGE", kEventServerMetadata},
});

/// RFC 5465 §5: what must stand together, and what belongs to whom.
Result<void> check(const EventGroup& group) {
  const auto has = [&](std::uint8_t event) { return (group.events & event) != 0; };
  if (has(kEventMessageNew) != has(kEventMessageExpunge))
    return fail(kSyntax, "MessageNew and MessageExpunge stand together");
  if (has(kEventFlagChange) && !has(kEventMessageNew))
    return fail(kSyntax, "FlagChange stands beside MessageNew and MessageExpunge");
  const bool selected =
      group.filter.kind == MailboxFilter::Kind::selected || group.filter.kind == MailboxFilter::Kind::selected_delayed;
  if (selected && has(kEventMailboxName | kEventSubscriptionChange | kEventMailboxMetadata | kEventServerMetadata))
    return fail(kSyntax, "Only events of messages belong to the selected mailbox");
  if (!selected && group.items) return fail(kSyntax, "Messages are shown of the selected mailbox alone");
  return {};
}

}  // namespace

Result<EventGroup> Parser::event_group() {
  // event-group = "(" filter-mailboxes SP events ")"
  EventGroup group;
  TRY(require('('));
  group.filter = TRY(filter_mailboxes(FilterUse::notify));
  TRY(space());
  if (present('(')) {
    do {
      const auto name = TRY(word());
      const auto* const event = std::ranges::find(kEvents, name, &std::pair<std::string_view, NotifyEvent>::first);
      // RFC 5465 §3.1: NO, not BAD.
      if (event == kEvents.end()) return fail(kBadEvent, "That event is not told");
      group.events |= event->second;
      if (event->second == kEventMessageNew && present(" (")) {
        move_to(position() - 1);
        group.items = TRY(unasked_attributes());
      }
    } while (present(' '));
    TRY(require(')'));
  } else {
    TRY(require("NONE"));
  }
  TRY(require(')'));
  TRY(check(group));
  return group;
}

Result<NotifyProgram> Parser::notify_arguments() {
  NotifyProgram program;
  if (present("NONE")) return program;
  TRY(require("SET"));
  TRY(space());
  if (present("STATUS ")) program.status = true;
  int selected = 0;
  do {
    if (program.groups.size() >= kMailboxFiltersMax) return fail(kNotificationOverflow, "Too many groups of events");
    program.groups.push_back(TRY(event_group()));
    const auto kind = program.groups.back().filter.kind;
    selected += kind == MailboxFilter::Kind::selected || kind == MailboxFilter::Kind::selected_delayed;
  } while (present(' '));
  if (selected > 1) return fail(kSyntax, "One group is of the selected mailbox");
  return program;
}

}  // namespace angarium::protocol::imap
