#include "io/event.h"
#include "queue/queue.h"

namespace angarium::queue {
namespace {

/// Owns itself until it is answered: whoever waits may go away before.
class Waiting final : public store::Completion {
 public:
  explicit Waiting(std::move_only_function<void(Result<store::CommitInfo>)> tell) : tell_(std::move(tell)) {}
  void completed(Result<store::CommitInfo> result) noexcept override {
    auto tell = std::move(tell_);
    delete this;
    tell(std::move(result));
  }

 private:
  std::move_only_function<void(Result<store::CommitInfo>)> tell_;
};

}  // namespace

io::Task<Result<>> commit(store::Tablet& tablet, store::Batch batch) {
  io::CrossThread<store::CommitInfo> answer;
  tablet.enqueue(std::move(batch), *new Waiting(answer.completion()));
  CO_TRY(co_await answer);
  co_return Result<>();
}

}  // namespace angarium::queue
