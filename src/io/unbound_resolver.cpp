#include "io/unbound_resolver.h"

#include <unbound.h>
#include <unistd.h>

#include <mutex>
#include <optional>

#include "base/text.h"
#include "io/dns_message.h"
#include "io/error.h"

namespace angarium::io {
namespace {

/// What differs from libunbound's defaults, and why.
constexpr const char* kSettings[][2] = {
    {"module-config:", "validator iterator"},
    {"do-not-query-localhost:", "no"},  // a server on this host is the usual case
    {"unblock-lan-zones:", "yes"},      // names of private networks are the servers' matter
    {"insecure-lan-zones:", "yes"},
    {"edns-buffer-size:", "1232"},        // no fragments (DNS flag day 2020); longer answers come by TCP
    {"outgoing-range:", "512"},           // the library's 16 ports would make thousands of questions wait
    {"num-queries-per-thread:", "4096"},  // kQuestionsMax; the library's 64 would drop the oldest
    {"outgoing-num-tcp:", "32"},
    {"msg-cache-size:", "16m"},
    {"rrset-cache-size:", "32m"},
    {"infra-cache-numhosts:", "10000"},
};
/// Zones that libunbound answers as empty by itself.
constexpr const char* kLocalZones[] = {"test.", "home.arpa."};

constexpr std::uint16_t kDnsPort = 53;
constexpr int kClassInternet = 1;
constexpr int kServerFailure = 2;

std::unexpected<Error> refused(std::string_view what, int code) {
  if (code == UB_NOMEM) return fail(kOutOfMemory, "libunbound");
  return fail(kBadResolver, std::string(what) + ": " + ub_strerror(code));
}

Answer read_result(const ub_result& result, RecordType type) {
  if (result.bogus) {
    const std::string why = result.why_bogus ? result.why_bogus : "DNSSEC proves it false";
    return no_answer(Trouble::bogus, escape_controls(why));
  }
  if (result.rcode == kServerFailure) return no_answer(Trouble::server_failure, "no server answered as it should");
  if (!result.answer_packet || result.answer_len <= 0)
    return no_answer(Trouble::server_failure, "no answer; code " + std::to_string(result.rcode));
  auto answer = read_answer({static_cast<const char*>(result.answer_packet),  //
                             static_cast<std::size_t>(result.answer_len)},
                            type);
  if (!answer.temporary() && result.secure) answer.dnssec = Dnssec::secure;
  return answer;
}

/// Held while contexts are made and deleted: libunbound prepares what all of them share (its log) in each, without a
/// lock of its own.
std::mutex& shared_by_contexts() {
  static std::mutex mutex;
  return mutex;
}

ub_ctx* create_context() {
  const std::lock_guard lock(shared_by_contexts());
  return ub_ctx_create();
}

}  // namespace

Result<Endpoint> parse_dns_server(std::string_view text) {
  const auto bare = IpAddress::parse(text);
  auto server = bare ? Endpoint(*bare, kDnsPort) : Endpoint::parse(text);
  if (!server || !server->is_ip() || server->port() == 0 || server->address().is_unspecified())
    return fail(kBadResolver, "'" + escape_controls(text, 120) +
                                  "' is no DNS server: \"192.0.2.53\", \"127.0.0.1:5353\", \"[2001:db8::53]:53\"");
  return server;
}

/// A context of libunbound. Its thread resolves; answers come through its descriptor.
class UnboundResolver::Context final : Watch {
 public:
  static Result<std::shared_ptr<Context>> make(Loop& loop, const ResolverOptions& options) {
    auto context = std::make_shared<Context>(loop);
    if (!context->ub_) return fail(kOutOfMemory, "libunbound");
    TRY(context->set_up(options));
    TRY(loop.watch(*context));
    context->watched_ = true;
    return context;
  }

  explicit Context(Loop& loop) : loop_(loop), ub_(create_context()) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() override {
    if (watched_) loop_.unwatch(*this);
    const std::lock_guard lock(shared_by_contexts());
    if (ub_) ub_ctx_delete(ub_);
  }

  /// The number of the question, for cancel().
  Result<int> ask(const std::string& name, RecordType type, void* asker, ub_callback_type answered) {
    int id = 0;
    const int code = ub_resolve_async(ub_, name.c_str(), static_cast<int>(type), kClassInternet, asker, answered, &id);
    if (code != 0) return refused("ub_resolve_async", code);
    ++waiting_;
    return id;
  }
  void cancel(int id) {
    ub_cancel(ub_, id);
    --waiting_;
  }
  void answered() { --waiting_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  [[nodiscard]] int descriptor() const override { return ub_fd(ub_); }
  /// Reads all answers there are, so the next edge is not missed.
  void ready([[maybe_unused]] Readiness readiness) override { ub_process(ub_); }

  Result<void> set_up(const ResolverOptions& options) {
    const std::lock_guard lock(shared_by_contexts());
    for (const auto& [key, value] : kSettings)
      if (const int code = ub_ctx_set_option(ub_, key, value)) return refused(key, code);
    if (const int code = ub_ctx_async(ub_, 1)) return refused("ub_ctx_async", code);
    if (options.bogus == ResolverOptions::Bogus::insecure)
      if (const int code = ub_ctx_set_option(ub_, "val-permissive-mode:", "yes")) return refused("the settings", code);
    TRY(set_servers(options.servers));
    TRY(set_trust(options));
    // The first of these makes libunbound read all that was set.
    for (const char* zone : kLocalZones)
      if (const int code = ub_ctx_zone_remove(ub_, zone)) return refused("the settings", code);
    return {};
  }

  Result<void> set_servers(const std::vector<Endpoint>& servers) {
    for (const auto& server : servers) {
      if (!server.is_ip() || server.port() == 0) return fail(kBadResolver, "no DNS server: " + server.text());
      const auto text = server.address().text() + "@" + std::to_string(server.port());
      if (const int code = ub_ctx_set_fwd(ub_, text.c_str())) return refused(text, code);
    }
    if (!servers.empty()) return {};
    if (const int code = ub_ctx_resolvconf(ub_, nullptr)) return refused("/etc/resolv.conf", code);
    return {};
  }

  Result<void> set_trust(const ResolverOptions& options) {
    if (const auto& file = options.trust_anchor_file; !file.empty()) {
      if (::access(file.c_str(), R_OK) != 0)
        return fail(kBadResolver, "the trust anchor of the DNS cannot be read: " + file + " (package dns-root-data)");
      if (const int code = ub_ctx_add_ta_file(ub_, file.c_str())) return refused(file, code);
    }
    for (const auto& anchor : options.trust_anchors)
      if (const int code = ub_ctx_add_ta(ub_, anchor.c_str())) return refused("a trust anchor", code);
    for (const auto& domain : options.insecure_domains)
      if (const int code = ub_ctx_set_option(ub_, "domain-insecure:", domain.c_str())) return refused(domain, code);
    return {};
  }

  Loop& loop_;
  ub_ctx* ub_;
  std::size_t waiting_ = 0;
  bool watched_ = false;
};

/// co_await question: one answer, or the deadline. Lives in the asking frame, and takes itself back with it.
class UnboundResolver::Question final : Timer, Resumption {
 public:
  Question(Loop& loop, std::shared_ptr<Context> context, const std::string& name, RecordType type, Moment deadline)
      : loop_(loop), context_(std::move(context)), name_(name), type_(type), deadline_(deadline) {}
  ~Question() override { take_back(); }

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    handle = waiting;
    auto id = context_->ask(name_, type_, this, &Question::answered);
    if (!id) {
      answer_ = no_answer(Trouble::busy, id.error().text());
      return false;
    }
    id_ = *id;
    loop_.timers().set(*this, deadline_);
    return true;
  }
  Answer await_resume() { return std::move(answer_); }

 private:
  /// Called by ub_process() on the loop's thread; no exception may pass through libunbound.
  static void answered(void* asker, int error, ub_result* result) noexcept {
    auto& question = *static_cast<Question*>(asker);
    question.context_->answered();
    question.id_.reset();
    question.cancel();
    try {
      question.answer_ = error != 0 || !result ? no_answer(Trouble::server_failure, ub_strerror(error))
                                               : read_result(*result, question.type_);
    } catch (const std::bad_alloc&) {
      question.answer_ = no_answer(Trouble::busy, "no memory");  // short: no allocation
    }
    if (result) ub_resolve_free(result);
    question.loop_.schedule(question);
  }
  void fire() override {
    take_back();
    answer_ = no_answer(Trouble::timed_out, "no answer in time");
    loop_.schedule(*this);
  }
  void take_back() {
    if (id_) context_->cancel(*id_);
    id_.reset();
  }

  Loop& loop_;
  std::shared_ptr<Context> context_;
  const std::string& name_;
  RecordType type_;
  Moment deadline_;
  std::optional<int> id_;  ///< while it waits
  Answer answer_;
};

UnboundResolver::UnboundResolver(Loop& loop, std::shared_ptr<Context> context)
    : loop_(loop), context_(std::move(context)) {}

UnboundResolver::~UnboundResolver() = default;

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::make(Loop& loop, const ResolverOptions& options) {
  auto context = TRY(Context::make(loop, options));
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(loop, std::move(context)));
}

Result<void> UnboundResolver::reload(const ResolverOptions& options) {
  context_ = TRY(Context::make(loop_, options));
  return {};
}

std::size_t UnboundResolver::waiting() const { return context_->waiting(); }

Task<Result<Answer>> UnboundResolver::resolve(std::string name, RecordType type, ResolveOptions options) {
  CO_TRY(check_name(name));
  if (context_->waiting() >= kQuestionsMax)
    co_return no_answer(Trouble::busy, "more than " + std::to_string(kQuestionsMax) + " questions wait");
  Question question(loop_, context_, name, type, loop_.now() + options.timeout);
  co_return co_await question;
}

}  // namespace angarium::io
