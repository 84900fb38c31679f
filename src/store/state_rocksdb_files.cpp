#include "store/state_rocksdb_files.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <algorithm>

namespace angarium::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus io_status(const Error& error) {
  if (error.is(kMissing)) return IOStatus::PathNotFound(error.text());
  if (error.is(kStoreFull)) return IOStatus::NoSpace(error.text());
  return IOStatus::IOError(error.text());
}

template <class T>
IOStatus io_status(const Result<T>& result) {
  return result ? IOStatus::OK() : io_status(result.error());
}

/// "/state/CURRENT" → "state/CURRENT".
std::string name_of(const std::string& path) { return path.substr(std::min(path.find_first_not_of('/'), path.size())); }

IOStatus read_at(File& file, std::uint64_t offset, std::size_t count, Slice* result, char* scratch) {
  Result<std::size_t> got = file.read(offset, {scratch, count});
  if (got) *result = Slice(scratch, *got);
  return io_status(got);
}

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  explicit Sequential(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(std::size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    IOStatus status = read_at(*file_, offset_, n, result, scratch);
    if (status.ok()) offset_ += result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccess(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return read_at(*file_, offset, n, result, scratch);
  }

 private:
  std::unique_ptr<File> file_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(std::unique_ptr<File> file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    Result<> written = file_->write(size_, std::string_view(data.data(), data.size()));
    if (written) size_ += data.size();
    return io_status(written);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    Result<> cut = file_->truncate(size);
    if (cut) size_ = size;
    return io_status(cut);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return io_status(file_->sync()); }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t size_;
};

/// Names are durable when the volume's calls return.
class Directory final : public rocksdb::FSDirectory {
 public:
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
};

/// The volume's own lock already keeps others out.
class Lock final : public rocksdb::FileLock {};

class VolumeFileSystem final : public rocksdb::FileSystem {
 public:
  explicit VolumeFileSystem(Volume& volume) : volume_(volume) {}
  [[nodiscard]] const char* Name() const override { return "angarium.volume"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) override {
    Result<std::unique_ptr<File>> file = volume_.open(name_of(path), Opening::existing);
    if (file) *result = std::make_unique<Sequential>(std::move(*file));
    return io_status(file);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext*) override {
    Result<std::unique_ptr<File>> file = volume_.open(name_of(path), Opening::existing);
    if (file) *result = std::make_unique<RandomAccess>(std::move(*file));
    return io_status(file);
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    Result<std::unique_ptr<File>> file = volume_.open(name_of(path), Opening::create);
    if (file) *result = std::make_unique<Writable>(std::move(*file), 0);
    return io_status(file);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    Result<std::unique_ptr<File>> file = volume_.open(name_of(path), Opening::existing);
    if (!file) return io_status(file);
    Result<std::uint64_t> size = (*file)->size();
    if (size) *result = std::make_unique<Writable>(std::move(*file), *size);
    return io_status(size);
  }
  IOStatus NewDirectory(const std::string&, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    *result = std::make_unique<Directory>();
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    Result<std::uint64_t> size = size_of(path);
    return size ? IOStatus::OK() : size.error().is(kMissing) ? IOStatus::NotFound(path) : io_status(size);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    result->clear();
    std::string prefix = name_of(path);
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    Result<std::vector<FileEntry>> files = volume_.list();
    if (!files) return io_status(files);
    for (const FileEntry& file : *files)
      if (file.name.starts_with(prefix)) result->push_back(file.name.substr(prefix.size()));
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return io_status(volume_.remove(name_of(path)));
  }
  IOStatus CreateDir(const std::string&, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus CreateDirIfMissing(const std::string&, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus DeleteDir(const std::string&, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* size, IODebugContext*) override {
    Result<std::uint64_t> found = size_of(path);
    if (found) *size = *found;
    return io_status(found);
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    return io_status(volume_.rename(name_of(from), name_of(to)));
  }
  IOStatus LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) override {
    *lock = std::make_unique<Lock>().release();
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    std::unique_ptr<rocksdb::FileLock> owned(lock);
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/test";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* whole, IODebugContext*) override {
    *whole = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string&, const IOOptions&, bool* is, IODebugContext*) override {
    *is = true;
    return IOStatus::OK();
  }

 private:
  Result<std::uint64_t> size_of(const std::string& path) {
    std::unique_ptr<File> file = TRY(volume_.open(name_of(path), Opening::existing));
    return file->size();
  }
  Volume& volume_;
};

class ClockWithoutPauses final : public rocksdb::SystemClockWrapper {
 public:
  ClockWithoutPauses() : rocksdb::SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  [[nodiscard]] const char* Name() const override { return "angarium.clock"; }
  void SleepForMicroseconds(int /*count*/) override {}
};

class VolumeEnv final : public rocksdb::EnvWrapper {
 public:
  explicit VolumeEnv(std::unique_ptr<rocksdb::Env> base) : rocksdb::EnvWrapper(base.get()), base_(std::move(base)) {
    file_system_ = base_->GetFileSystem();
    system_clock_ = std::make_shared<ClockWithoutPauses>();
  }

 private:
  std::unique_ptr<rocksdb::Env> base_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_volume_env(Volume& volume) {
  return std::make_unique<VolumeEnv>(rocksdb::NewCompositeEnv(std::make_shared<VolumeFileSystem>(volume)));
}

}  // namespace angarium::store
