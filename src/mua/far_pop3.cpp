// An account's mail by POP3: one mailbox, which has no flags and no folders.
#include <algorithm>

#include "base/text.h"
#include "mua/error.h"
#include "mua/far_box.h"
#include "protocol/pop3/client.h"

namespace angarium::mua {
namespace {

namespace pop3 = protocol::pop3;

/// The octets of one message, or of its beginning.
class Taken final : public pop3::MessageSink {
 public:
  enum class Beyond : std::uint8_t { refused, dropped };
  Taken(std::size_t max, std::uint64_t all, const FarTerms& terms, Beyond beyond = Beyond::refused)
      : max_(max), all_(all), terms_(terms), beyond_(beyond) {}
  Result<> begin(pop3::Number) override {
    octets.emplace();
    return {};
  }
  io::ValueOrTask<Result<>> append(std::string_view more) override {
    if (octets->size() + more.size() > max_) {
      if (beyond_ == Beyond::refused) return Result<>(fail(kHost, "the message is too large to be shown"));
      more = more.substr(0, max_ - octets->size());
    }
    *octets += more;
    if (all_ != 0) terms_.progress(std::min<std::uint64_t>(octets->size(), all_), all_);
    return Result<>();
  }
  io::ValueOrTask<Result<>> end(pop3::Number) override { return Result<>(); }
  Result<> refused(pop3::Number, const Error& error) override {
    why = error;
    return {};
  }

  std::optional<std::string> octets;
  std::optional<Error> why;

 private:
  std::size_t max_;
  std::uint64_t all_;
  const FarTerms& terms_;
  Beyond beyond_;
};

pop3::ClientOptions options_of(const Reached& reached) {
  // Whether there may be a connection without TLS was judged when it was made.
  return {.plaintext_without_tls =
              reached.by.tls == MailHost::Tls::none ? sasl::Plaintext::allowed : sasl::Plaintext::refused};
}

class Pop3Box final : public FarBox {
 public:
  Pop3Box(const FarTerms& terms, Reached reached)
      : terms_(terms), reached_(std::move(reached)), client_(*reached_.connection, options_of(reached_)) {}

  io::Task<Result<>> log_in(sasl::Secret password) {
    CO_TRY(co_await client_.greeting());
    CO_TRY(co_await client_.capa());
    if (reached_.by.tls == MailHost::Tls::starttls) {
      const auto begun = co_await client_.stls();
      if (!begun && begun.error().is(pop3::kRefused))
        co_return fail(kStranger,
                       "the server offers no TLS, and a password is not told without it: " + begun.error().text());
      if (!begun) co_return std::unexpected(begun.error());
    }
    CO_TRY(check_peer(reached_, terms_.account));
    auto known = CO_TRY(credentials_for(terms_, reached_, "pop", std::move(password)));
    pop3::Credentials credentials{.identity = std::move(known.identity),
                                  .password = std::move(known.password),
                                  .has = known.has,
                                  .host = std::move(known.host),
                                  .protection_max = known.protection_max,
                                  .gss = std::move(known.gss)};
    const auto in = co_await client_.login(std::move(credentials));
    if (in) co_return co_await look();
    const bool refused =
        in.error().is(pop3::kRefused) || in.error().is(pop3::kNoMechanism) || in.error().is(sasl::kBadCredentials);
    if (!refused) co_return std::unexpected(in.error());
    co_return fail(kNotLetIn, place_of(reached_.by) + " does not let " +
                                  escape_controls(user_for(terms_.account, reached_.by.protocol), 200) +
                                  " in: " + in.error().text());
  }

  io::Task<Result<>> open(std::string mailbox, Access) override {
    if (!equals_ignore_case(mailbox, "INBOX"))
      co_return fail(kUsage, "POP3 has no folders, only INBOX; an account that has folders is spoken to by IMAP");
    co_return Result<>();
  }

  io::Task<Result<FarListing>> list(FarWanted wanted) override {
    if (wanted.any())
      co_return fail(kUsage, "POP3 knows neither flags nor search; --limit and an account by IMAP are to be had");
    FarListing listing{.mailbox = "INBOX", .in_all = rows_.size(), .messages = {}, .has_flags = false};
    const std::size_t first = wanted.limit == 0 || wanted.limit >= rows_.size() ? 0 : rows_.size() - wanted.limit;
    for (std::size_t i = first; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      FarMessage message{.id = row.id, .octets = row.octets, .keywords = {}, .header = {}, .arrived = {}};
      Taken taken(kHeaderMax, 0, terms_, Taken::Beyond::dropped);
      // TOP is optional (RFC 1939 §7): without it a list shows no more than ids and sizes.
      const auto got = co_await client_.top(row.number, 0, taken);
      if (!got) co_return std::unexpected(got.error());
      if (taken.octets) message.header = *std::move(taken.octets);
      listing.messages.push_back(std::move(message));
      terms_.progress(i - first + 1, rows_.size() - first);
    }
    co_return listing;
  }

  io::Task<Result<std::vector<FarId>>> resolve(std::vector<std::string> words, Naming naming) override {
    std::vector<FarId> ids;
    for (const std::string& word : words) {
      const Row* row = find(word);
      const auto number = parse_number<pop3::Number>(word);
      const bool by_number = row == nullptr && number;
      if (by_number)
        for (const Row& one : rows_)
          if (one.number == *number) row = &one;
      if (row == nullptr && word == "last" && !rows_.empty()) row = &rows_.back();
      if (row == nullptr)
        co_return fail(kNotThere, "there is no message " + escape_controls(word, 100) +
                                      "; angarium mail list names those that are there");
      // Numbers move when another program removes messages.
      if (by_number && naming == Naming::exact)
        co_return fail(kUsage, "numbers are not the same in the next session: name the message by its id, " +
                                   escape_controls(row->id, 100));
      if (!row->unique && naming == Naming::exact && word != "last")
        co_return fail(kUsage,
                       "this server has no ids that last (UIDL): a number may be another message's by now; last names "
                       "the last one");
      if (std::ranges::find(ids, row->id) == ids.end()) ids.push_back(row->id);
    }
    co_return ids;
  }

  io::Task<Result<std::string>> message(FarId id, std::size_t max) override {
    const Row* const row = find(id);
    if (row == nullptr) co_return fail(kNotThere, "there is no message " + escape_controls(id, 100));
    Taken taken(max, row->octets, terms_);
    const std::array<pop3::Number, 1> numbers = {row->number};
    CO_TRY(co_await client_.retr(numbers, taken));
    if (taken.why) co_return std::unexpected(*taken.why);
    if (!taken.octets) co_return fail(kNotThere, "the server does not give message " + escape_controls(id, 100));
    co_return *std::move(taken.octets);
  }

  io::Task<Result<bool>> remove(std::vector<FarId> ids) override {
    std::vector<pop3::Number> numbers;
    for (const FarId& id : ids)
      if (const Row* const row = find(id)) numbers.push_back(row->number);
    auto done = co_await client_.dele(numbers);
    if (done) co_return true;
    // All or nothing: what was marked before the refusal stays.
    CO_TRY(co_await client_.rset());
    co_return std::unexpected(done.error());
  }

  io::Task<Result<bool>> move(std::vector<FarId>, std::string) override { co_return no_folders(); }
  io::Task<Result<>> flag(std::vector<FarId>, message::BoxFlags, message::BoxFlags) override {
    co_return fail(kUsage, "POP3 has no flags; an account by IMAP has");
  }
  io::Task<Result<std::vector<FarFolder>>> folders(Counting) override {
    co_return std::vector<FarFolder>{{.name = "INBOX", .use = {}, .messages = rows_.size(), .unread = {}}};
  }
  io::Task<Result<std::string>> keep_sent(std::string, std::string) override { co_return no_folders(); }
  io::Task<Result<>> leave() override { return client_.quit(); }
  [[nodiscard]] const Reached& reached() const override { return reached_; }

 private:
  struct Row {
    pop3::Number number = 0;
    FarId id;
    std::uint64_t octets = 0;
    bool unique = false;  ///< the id is the server's own, not the number
  };

  static std::unexpected<Error> no_folders() { return fail(kUsage, "POP3 has no folders; an account by IMAP has"); }

  io::Task<Result<>> look() {
    for (const pop3::Listed& one : CO_TRY(co_await client_.list()))
      rows_.push_back({.number = one.number, .id = std::to_string(one.number), .octets = one.octets});
    auto ids = co_await client_.uidl();
    // UIDL is optional (RFC 1939 §7).
    if (!ids && ids.error().is(pop3::kRefused)) co_return Result<>();
    if (!ids) co_return std::unexpected(ids.error());
    for (pop3::Unique& one : *ids) {
      const auto row = std::ranges::lower_bound(rows_, one.number, {}, &Row::number);
      if (row == rows_.end() || row->number != one.number) continue;
      row->id = std::move(one.id);
      row->unique = true;
    }
    co_return Result<>();
  }

  [[nodiscard]] const Row* find(std::string_view id) const {
    const auto row = std::ranges::find(rows_, id, &Row::id);
    return row == rows_.end() ? nullptr : &*row;
  }

  const FarTerms& terms_;
  Reached reached_;
  pop3::Client client_;
  std::vector<Row> rows_;
};

}  // namespace

io::Task<Result<std::unique_ptr<FarBox>>> enter_pop3(const FarTerms& terms, Reached reached, sasl::Secret password) {
  auto box = std::make_unique<Pop3Box>(terms, std::move(reached));
  CO_TRY(co_await box->log_in(std::move(password)));
  co_return std::unique_ptr<FarBox>(std::move(box));
}

}  // namespace angarium::mua
