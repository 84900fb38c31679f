#include "transfer/name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "protocol/imap/mailbox_name.h"

namespace angarium::transfer {
namespace {

using mailbox::SpecialUse;

struct Known {
  std::string_view name;
  SpecialUse use;
};
// As Thunderbird, Outlook, Apple Mail, Gmail, Dovecot's and Courier's examples, mutt and Evolution name them.
constexpr std::array<Known, 42> kKnown = {{{"sent", SpecialUse::sent},
                                           {"sent items", SpecialUse::sent},
                                           {"sent messages", SpecialUse::sent},
                                           {"sent mail", SpecialUse::sent},
                                           {"sent-mail", SpecialUse::sent},
                                           {"[gmail]/sent mail", SpecialUse::sent},
                                           {"[google mail]/sent mail", SpecialUse::sent},
                                           {"gesendet", SpecialUse::sent},
                                           {"gesendete objekte", SpecialUse::sent},
                                           {"gesendete elemente", SpecialUse::sent},
                                           {"envoyés", SpecialUse::sent},
                                           {"enviados", SpecialUse::sent},
                                           {"drafts", SpecialUse::drafts},
                                           {"draft", SpecialUse::drafts},
                                           {"postponed", SpecialUse::drafts},
                                           {"[gmail]/drafts", SpecialUse::drafts},
                                           {"[google mail]/drafts", SpecialUse::drafts},
                                           {"entwürfe", SpecialUse::drafts},
                                           {"brouillons", SpecialUse::drafts},
                                           {"borradores", SpecialUse::drafts},
                                           {"junk", SpecialUse::junk},
                                           {"spam", SpecialUse::junk},
                                           {"junk e-mail", SpecialUse::junk},
                                           {"junk email", SpecialUse::junk},
                                           {"junk mail", SpecialUse::junk},
                                           {"bulk mail", SpecialUse::junk},
                                           {"[gmail]/spam", SpecialUse::junk},
                                           {"[google mail]/spam", SpecialUse::junk},
                                           {"indésirables", SpecialUse::junk},
                                           {"trash", SpecialUse::trash},
                                           {"deleted items", SpecialUse::trash},
                                           {"deleted messages", SpecialUse::trash},
                                           {"deleted", SpecialUse::trash},
                                           {"[gmail]/trash", SpecialUse::trash},
                                           {"[google mail]/trash", SpecialUse::trash},
                                           {"papierkorb", SpecialUse::trash},
                                           {"gelöschte elemente", SpecialUse::trash},
                                           {"corbeille", SpecialUse::trash},
                                           {"papelera", SpecialUse::trash},
                                           {"archive", SpecialUse::archive},
                                           {"archives", SpecialUse::archive},
                                           {"archiv", SpecialUse::archive}}};

bool may_stand_in_level(char c) { return !is_control(c) && c != mailbox::kSeparator && c != '*' && c != '%'; }

/// Cut where a character begins.
std::string_view cut(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max);
}

}  // namespace

std::string level_from(std::string_view octets) {
  if (all_ascii(octets)) {
    if (auto decoded = protocol::imap::from_modified_utf7(octets)) return level_of(*std::move(decoded));
  }
  return level_of(std::string(octets));
}

std::string level_of(std::string level) {
  const bool utf8 = valid_utf8(level);
  for (char& c : level)
    if (!may_stand_in_level(c) || (!utf8 && !is_ascii(c))) c = '_';
  if (level.starts_with('#')) level[0] = '_';
  level = cut(level, mailbox::kLevelMax);
  return level.empty() ? "_" : level;
}

bool is_control_file(std::string_view name) {
  constexpr std::array<std::string_view, 8> kBeginnings = {".",       "dovecot",       "cyrus.",        "maildirsize",
                                                           "courier", "maildirfolder", "subscriptions", "mailboxes"};
  constexpr std::array<std::string_view, 11> kEndings = {".msf", ".lock",  ".lck",  ".dat",   ".html",   ".json",
                                                         ".db",  ".cmeta", ".ibex", ".plist", ".mozmsgs"};
  return std::ranges::any_of(kBeginnings, [&](std::string_view one) { return name.starts_with(one); }) ||
         std::ranges::any_of(kEndings, [&](std::string_view one) { return name.ends_with(one); });
}

SpecialUse use_of(std::string_view name) {
  for (const Known& known : kKnown)
    if (equals_ignore_case(known.name, name)) return known.use;
  return SpecialUse::none;
}

std::string below(std::string_view parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  if (equals_ignore_case(name, mailbox::kInbox)) return std::string(parent);
  return std::string(parent) + mailbox::kSeparator + std::string(name);
}

}  // namespace angarium::transfer
