#include "protocol/imap/mailbox_name.h"

#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"
#include "support/test.h"

using namespace angarium::protocol::imap;

TEST_CASE("RFC 3501 §5.1.3: modified UTF-7 both ways") {
  const std::pair<std::string, std::string> kPairs[] = {
      {"~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
      {"a&b", "a&-b"},
      {"&", "&-"},
      {"Entw\xC3\xBCrfe", "Entw&APw-rfe"},
      {"\xF0\x9F\x98\x80", "&2D3eAA-"},
      {"plain", "plain"},
      {"", ""},
      {"\xC3\xBC\xC3\xBC&", "&APwA,A-&-"},
  };
  for (const auto& [utf8, utf7] : kPairs) {
    CHECK(to_modified_utf7(utf8) == utf7);
    CHECK(from_modified_utf7(utf7) == utf8);
  }
}

TEST_CASE("RFC 3501 §5.1.3: forms that are not the one form of a name are refused") {
  for (auto wrong : {"&", "&U,BTFw", "&Jjo!", "&AGE-", "a&APw-&APw-b", "&2D0-", "&3gA-", "&APx-", "&A-", "\xC3\xBC",
                     "a\x01", "&U,BTFx-"})
    CHECK_MESSAGE(!from_modified_utf7(wrong), wrong);
}

TEST_CASE("every character survives modified UTF-7") {
  for (char32_t c : {0x01U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFDU, 0x10000U, 0x10FFFFU}) {
    std::string utf8;
    if (c < 0x80) {
      utf8 = static_cast<char>(c);
    } else if (c < 0x800) {
      utf8 = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      utf8 = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      utf8 = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    for (const auto& text : {utf8, utf8 + utf8, "x" + utf8 + "y", utf8 + utf8 + utf8})
      CHECK(from_modified_utf7(to_modified_utf7(text)) == text);
  }
}

TEST_CASE("RFC 9051 §5.1: INBOX has no case, alone and as the first level") {
  CHECK(*decode_mailbox_name("inBox", NameForm::utf8) == "INBOX");
  CHECK(*decode_mailbox_name("inbox/Work", NameForm::utf8) == "INBOX/Work");
  CHECK(*decode_mailbox_name("Inboxes", NameForm::utf8) == "Inboxes");
  CHECK(*decode_mailbox_name("x/inbox", NameForm::utf8) == "x/inbox");
}

TEST_CASE("RFC 9051 §5.1: all spellings of a name, and of a pattern, are one") {
  CHECK(*decode_mailbox_name("Gru\u0308\u00DFe", NameForm::utf8) == "Gr\u00FC\u00DFe");
  CHECK(*decode_mailbox_name("Gru&Awg-n", NameForm::modified_utf7) == "Gr\u00FCn");
  CHECK(*decode_mailbox_pattern("Gru\u0308*", NameForm::utf8) == "Gr\u00FC*");
  CHECK(*decode_mailbox_pattern("Gru%\u0308", NameForm::utf8) == "Gru%\u0308");
  // The limit holds for what comes in and for what comes out.
  CHECK(decode_mailbox_name(std::string(1000, 'a'), NameForm::utf8));
  CHECK(decode_mailbox_name(std::string(1001, 'a'), NameForm::utf8).error().is(kLimit));
  std::string growing;
  for (int i = 0; i < 251; ++i) growing += "\u0344";
  CHECK(growing.size() < 1000);
  CHECK(decode_mailbox_name(growing, NameForm::utf8).error().is(kLimit));
}

TEST_CASE("names that no mailbox can have are refused, not misread") {
  for (auto name : {"", "/", "/a", "a//b", "a*", "b%", "a\x01"})
    CHECK(decode_mailbox_name(name, NameForm::utf8).error().is(kCannot));
  CHECK(*decode_mailbox_name("a/", NameForm::utf8) == "a");
  CHECK(decode_mailbox_name("a//", NameForm::utf8).error().is(kCannot));
  CHECK(decode_mailbox_name("\xFF", NameForm::utf8).error().is(kCannot));
  CHECK(decode_mailbox_name("\xC3\xBC", NameForm::modified_utf7).error().is(kCannot));
  CHECK(decode_mailbox_name(std::string(kMailboxNameMax, 'a'), NameForm::utf8).has_value());
  CHECK(decode_mailbox_name(std::string(kMailboxNameMax + 1, 'a'), NameForm::utf8).error().is(kLimit));
}

TEST_CASE("RFC 9051 §6.3.9: \"*\" crosses levels, \"%\" does not") {
  CHECK(matches_pattern("*", "a/b/c"));
  CHECK(matches_pattern("%", "a"));
  CHECK_FALSE(matches_pattern("%", "a/b"));
  CHECK(matches_pattern("a/%", "a/b"));
  CHECK_FALSE(matches_pattern("a/%", "a"));
  CHECK_FALSE(matches_pattern("a/%", "a/b/c"));
  CHECK(matches_pattern("%/%", "a/b"));
  CHECK(matches_pattern("a*c", "a/b/c"));
  CHECK(matches_pattern("*b%", "aa/bbb"));
  CHECK_FALSE(matches_pattern("*b%", "aa/bbb/c"));
  CHECK(matches_pattern("%*", "a/b"));
  CHECK(matches_pattern("", ""));
  CHECK_FALSE(matches_pattern("", "a"));
  CHECK_FALSE(matches_pattern("a", "A"));
}

TEST_CASE("a pattern may hold so many wildcards and not one more") {
  CHECK(decode_mailbox_pattern(std::string(kListWildcardsMax, '*'), NameForm::utf8).has_value());
  CHECK(decode_mailbox_pattern(std::string(kListWildcardsMax + 1, '%'), NameForm::utf8).error().is(kLimit));
}
