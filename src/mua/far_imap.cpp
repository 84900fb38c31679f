// An account's mail by IMAP.
#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "base/text.h"
#include "message/imap_text.h"
#include "mua/error.h"
#include "mua/far_box.h"
#include "mua/imap_words.h"

namespace angarium::mua {
namespace {

namespace imap = protocol::imap;

/// What a list needs of a message, and no more.
constexpr std::string_view kListItems =
    "(UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER TO CC SUBJECT MESSAGE-ID)])";
/// Names of folders for sent mail where the server tells none (RFC 6154 §2).
constexpr std::array<std::string_view, 3> kSentNames = {"Sent", "Sent Items", "Sent Messages"};

/// "sent", of RFC 6154 §2; the last where there are several.
std::string use_of(std::uint32_t attributes) {
  const std::uint32_t uses = attributes & imap::kNameSpecialUse;
  return uses == 0 ? "" : to_lower(imap::kNameAttributes[std::bit_width(uses) - 1].substr(1));
}

void add_key(std::string& program, std::string_view key, const std::string& value) {
  if (value.empty()) return;
  program += " " + std::string(key) + " ";
  message::append_imap_string(program, value, message::ImapForm::ascii);
}

/// RFC 9051 §6.4.4.
std::string search_program(const FarWanted& wanted) {
  std::string keys;
  if (wanted.unread) keys += " UNSEEN";
  if (wanted.flagged) keys += " FLAGGED";
  add_key(keys, "TEXT", wanted.text);
  add_key(keys, "FROM", wanted.from);
  add_key(keys, "SUBJECT", wanted.subject);
  return all_ascii(keys) ? keys.substr(1) : "CHARSET UTF-8" + keys;
}

/// "12", "12-15" or "12:15"; `last` is the largest UID there. Nothing for other words.
std::optional<imap::Range> range_of(std::string_view word) {
  const std::size_t dash = word.find_first_of("-:");
  const auto first = parse_number<std::uint32_t>(word.substr(0, dash));
  const auto last = dash == word.npos ? first : parse_number<std::uint32_t>(word.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
  return imap::Range{*first, *last};
}

std::vector<std::uint32_t> uids_of(const std::vector<FarId>& ids) {
  std::vector<std::uint32_t> uids;
  for (const FarId& id : ids) uids.push_back(parse_number<std::uint32_t>(id).value_or(0));
  return uids;
}

bool refuses(const Error& error) { return error.is(imap::kServerRefused) || error.is(imap::kServerBusy); }

class ImapBox final : public FarBox {
 public:
  ImapBox(const FarTerms& terms, Reached reached)
      : terms_(terms),
        reached_(std::move(reached)),
        client_(*reached_.connection, imap::ClientOptions{.stream_from = 64 * 1024}) {}

  io::Task<Result<>> log_in(sasl::Secret password) {
    const bool known = CO_TRY(co_await client_.greet());
    if (reached_.by.tls == MailHost::Tls::starttls) {
      // RFC 9051 §11.1: after PREAUTH there is no TLS any more.
      const auto* const told = CO_TRY(co_await client_.capabilities());
      if (known || !told->has("STARTTLS"))
        co_return fail(kStranger, place_of(reached_.by) + " offers no TLS, and a password is not told without it");
      CO_TRY(co_await client_.start_tls());
    }
    CO_TRY(check_peer(reached_, terms_.account));
    if (known) co_return Result<>();
    auto credentials = CO_TRY(credentials_for(terms_, reached_, "imap", std::move(password)));
    // Whether there may be a connection without TLS was judged when it was made.
    auto in = co_await client_.log_in(std::move(credentials), sasl::Plaintext::allowed);
    if (in || (!in.error().is(imap::kServerRefused) && !in.error().is(imap::kNoMechanism))) co_return in;
    co_return fail(kNotLetIn, place_of(reached_.by) + " does not let " +
                                  escape_controls(user_for(terms_.account, reached_.by.protocol), 200) +
                                  " in: " + in.error().text());
  }

  io::Task<Result<>> open(std::string mailbox, Access access) override {
    const auto selected = co_await client_.select(
        mailbox, access == Access::read_only ? imap::Access::read_only : imap::Access::read_write);
    if (!selected && refuses(selected.error())) {
      const std::string why = "the folder " + escape_controls(mailbox, 300) +
                              " is not to be opened: " + selected.error().text() +
                              "; angarium mail folders names those that are there";
      if (selected.error().temporary()) co_return std::unexpected(Error(imap::kServerBusy, why));
      co_return fail(kNotThere, why);
    }
    selected_ = CO_TRY(selected);
    mailbox_ = std::move(mailbox);
    co_return Result<>();
  }

  io::Task<Result<FarListing>> list(FarWanted wanted) override {
    FarListing listing{.mailbox = mailbox_,
                       .uid_validity = selected_.uids_not_sticky ? 0 : selected_.uid_validity,
                       .in_all = selected_.exists,
                       .messages = {}};
    std::string command;
    if (wanted.any()) {
      const imap::NumberSet found = CO_TRY(co_await client_.uid_search(search_program(wanted)));
      listing.in_all = found.count();
      std::vector<std::uint32_t> uids;
      if (listing.in_all > imap::kResponsesMax) co_return fail(imap::kServerBroke, "the server finds without end");
      found.each([&](std::uint32_t uid) { uids.push_back(uid); });
      if (wanted.limit != 0 && uids.size() > wanted.limit)
        uids.erase(uids.begin(), uids.end() - static_cast<std::ptrdiff_t>(wanted.limit));
      for (const std::string& set : in_sets(uids)) CO_TRY(co_await fetch_rows("UID FETCH " + set, listing));
    } else if (selected_.exists > 0) {
      const bool all = wanted.limit == 0 || wanted.limit >= selected_.exists;
      const std::uint32_t first = all ? 1 : selected_.exists - static_cast<std::uint32_t>(wanted.limit) + 1;
      CO_TRY(co_await fetch_rows("FETCH " + std::to_string(first) + ":*", listing));
    }
    std::ranges::sort(listing.messages, {},
                      [](const FarMessage& one) { return parse_number<std::uint32_t>(one.id).value_or(0); });
    co_return listing;
  }

  io::Task<Result<std::vector<FarId>>> resolve(std::vector<std::string> words, Naming) override {
    imap::NumberSet asked;
    bool last = false;
    for (const std::string& word : words) {
      if (word == "last") {
        last = true;
      } else if (const auto range = range_of(word)) {
        asked.add(*range);
      } else {
        co_return fail(kUsage,
                       "'" + escape_controls(word, 100) + "' names no message: write its number, 12-15 or last");
      }
    }
    imap::NumberSet there;
    if (!asked.empty()) there = CO_TRY(co_await client_.uid_search("UID " + asked.text()));
    there = there.intersection(asked);
    for (const std::string& word : words) {
      const auto range = range_of(word);
      if (range && there.intersection(imap::NumberSet({*range})).empty())
        co_return fail(kNotThere, "there is no message " + word + " in " + escape_controls(mailbox_, 300) +
                                      "; angarium mail list names those that are there");
    }
    if (last) {
      const auto newest = CO_TRY(co_await client_.uid_search("UID *"));
      if (newest.empty()) co_return fail(kNotThere, "there is no message in " + escape_controls(mailbox_, 300));
      there.add(newest.max());
    }
    if (there.count() > kNamedMax)
      co_return fail(kUsage, "more than " + std::to_string(kNamedMax) + " messages are named");
    std::vector<FarId> ids;
    there.each([&](std::uint32_t uid) { ids.push_back(std::to_string(uid)); });
    co_return ids;
  }

  io::Task<Result<std::string>> message(FarId id, std::size_t max) override {
    TakenMessage taken(max, terms_.progress);
    std::optional<std::string> short_one;
    bool other = false;
    const auto each = [&](const imap::Response& response) {
      const auto* const fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr || fetched->contents.empty()) return;
      other = other || (fetched->uid && std::to_string(*fetched->uid) != id);
      if (fetched->contents.front().octets) short_one = fetched->contents.front().octets;
    };
    CO_TRY(co_await client_.uid_fetch(id, "(UID BODY.PEEK[])", each, &taken));
    if (other) co_return fail(imap::kServerBroke, "the server sends a message that was not asked for");
    std::optional<std::string> octets = taken.octets() ? std::move(taken.octets()) : std::move(short_one);
    if (!octets) co_return fail(kNotThere, "the server does not give message " + id + ": it was removed elsewhere");
    if (octets->size() > max) co_return fail(kHost, "the message is too large to be shown");
    co_return *std::move(octets);
  }

  io::Task<Result<bool>> remove(std::vector<FarId> ids) override {
    const auto* const told = CO_TRY(co_await client_.capabilities());
    const bool alone = told->has("UIDPLUS") || told->has("IMAP4REV2");
    for (const std::string& set : in_sets(uids_of(ids))) {
      CO_TRY(co_await client_.uid_store(set, "+FLAGS.SILENT (\\Deleted)"));
      // RFC 4315 §2.1: EXPUNGE would take what others marked, too.
      if (alone) CO_TRY(co_await client_.uid_expunge(set));
    }
    co_return alone;
  }

  io::Task<Result<bool>> move(std::vector<FarId> ids, std::string mailbox) override {
    const auto* const told = CO_TRY(co_await client_.capabilities());
    const bool alone = told->has("MOVE") || told->has("UIDPLUS") || told->has("IMAP4REV2");
    for (const std::string& set : in_sets(uids_of(ids))) {
      const auto moved = co_await client_.uid_copy(set, mailbox, imap::CopyMode::move);
      if (moved) continue;
      if (moved.error().is(imap::kServerRefused))
        co_return fail(kNotThere, "the server moves nothing to " + escape_controls(mailbox, 300) + ": " +
                                      moved.error().text() + "; angarium mail folders names the folders");
      co_return std::unexpected(moved.error());
    }
    co_return alone;
  }

  io::Task<Result<>> flag(std::vector<FarId> ids, message::BoxFlags set, message::BoxFlags clear) override {
    for (const bool wanted : {true, false}) {
      std::string names;
      for (const FlagPair& pair : kFlagPairs)
        if (((wanted ? set : clear) & pair.here) != 0) names += (names.empty() ? "" : " ") + std::string(pair.name());
      if (names.empty()) continue;
      const std::string change = std::string(wanted ? "+" : "-") + "FLAGS.SILENT (" + names + ")";
      for (const std::string& uids : in_sets(uids_of(ids))) CO_TRY(co_await client_.uid_store(uids, change));
    }
    co_return Result<>();
  }

  io::Task<Result<std::vector<FarFolder>>> folders(Counting counting) override {
    std::vector<FarFolder> found;
    for (const imap::ListResponse& row : CO_TRY(co_await client_.list("", "*"))) {
      FarFolder folder{.name = row.name, .use = {}, .messages = {}, .unread = {}};
      folder.selectable = (row.attributes & (imap::kNameNoSelect | imap::kNameNonExistent)) == 0;
      folder.use = use_of(row.attributes);
      found.push_back(std::move(folder));
    }
    if (counting == Counting::no) co_return found;
    for (FarFolder& folder : found) {
      if (!folder.selectable) continue;
      const auto status = co_await client_.status(folder.name, "MESSAGES UNSEEN");
      if (!status && !refuses(status.error())) co_return std::unexpected(status.error());
      if (!status) continue;
      for (const auto& [name, number] : status->items) {
        if (name == "MESSAGES") folder.messages = number;
        if (name == "UNSEEN") folder.unread = number;
      }
    }
    co_return found;
  }

  io::Task<Result<std::string>> keep_sent(std::string mailbox, std::string message) override {
    if (mailbox.empty()) mailbox = CO_TRY(co_await sent_folder());
    imap::FlagList flags;
    flags.system = imap::kSeen;
    CO_TRY(co_await client_.append(mailbox, flags, std::nullopt, message));
    co_return mailbox;
  }

  io::Task<Result<>> leave() override { return client_.logout(); }
  [[nodiscard]] const Reached& reached() const override { return reached_; }

 private:
  io::Task<Result<>> fetch_rows(std::string command, FarListing& listing) {
    std::map<std::uint32_t, FarMessage> rows;
    CO_TRY(co_await client_.command(std::move(command) + " " + std::string(kListItems),
                                    [&](const imap::Response& response) {
                                      const auto* const fetched = std::get_if<imap::FetchResponse>(&response);
                                      if (fetched == nullptr || !fetched->uid || !fetched->size) return;
                                      rows[*fetched->uid] = row_of(*fetched);
                                    }));
    for (auto& [uid, row] : rows) listing.messages.push_back(std::move(row));
    co_return Result<>();
  }

  static FarMessage row_of(const imap::FetchResponse& fetched) {
    FarMessage row{.id = std::to_string(*fetched.uid),
                   .octets = *fetched.size,
                   .flags = flags_of(fetched),
                   .keywords = {},
                   .header = {},
                   .arrived = fetched.internal_date};
    if (fetched.flags) row.keywords = fetched.flags->keywords;
    if (!fetched.contents.empty() && fetched.contents.front().octets) row.header = *fetched.contents.front().octets;
    return row;
  }

  io::Task<Result<std::string>> sent_folder() {
    const auto rows = CO_TRY(co_await client_.list("", "*"));
    for (const imap::ListResponse& row : rows)
      if ((row.attributes & imap::kNameSent) != 0) co_return row.name;
    for (const std::string_view name : kSentNames)
      for (const imap::ListResponse& row : rows)
        if (equals_ignore_case(row.name.substr(row.name.rfind(row.delimiter.value_or('/')) + 1), name))
          co_return row.name;
    CO_TRY(co_await client_.create("Sent"));
    co_return std::string("Sent");
  }

  const FarTerms& terms_;
  Reached reached_;
  imap::Client client_;
  imap::SelectResult selected_;
  std::string mailbox_;
};

}  // namespace

io::Task<Result<std::unique_ptr<FarBox>>> enter_imap(const FarTerms& terms, Reached reached, sasl::Secret password) {
  auto box = std::make_unique<ImapBox>(terms, std::move(reached));
  CO_TRY(co_await box->log_in(std::move(password)));
  co_return std::unique_ptr<FarBox>(std::move(box));
}

}  // namespace angarium::mua
