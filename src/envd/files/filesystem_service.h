// FilesystemService: the calls of filesystem.Filesystem (proto/filesystem.proto).
//
// Everything is done with the agent's own rights (root), whoever asks: the caller owns the sandbox.
// The acting user decides what relative paths mean and who owns what is made.
#pragma once

#include "connect/router.h"
#include "envd/actor.h"
#include "net/blocking.h"
#include "proto/filesystem.pb.h"

namespace wrenn::envd {

class FilesystemService {
 public:
  // The pool does what may block, so that the loop does not wait for it. Callers who go away stop
  // what walks trees.
  FilesystemService(net::Loop& loop, const GuestSettings& settings, net::BlockingPool& pool);

  void add_to(connect::Router& router);

 private:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<filesystem::StatResponse> stat(connect::CallContext& context,
                                       const filesystem::StatRequest& request);
  Reply<filesystem::MakeDirResponse> make_dir(connect::CallContext& context,
                                              const filesystem::MakeDirRequest& request);
  Reply<filesystem::MoveResponse> move(connect::CallContext& context,
                                       const filesystem::MoveRequest& request);
  Reply<filesystem::ListDirResponse> list_dir(connect::CallContext& context,
                                              const filesystem::ListDirRequest& request);
  Reply<filesystem::RemoveResponse> remove(connect::CallContext& context,
                                           const filesystem::RemoveRequest& request);

  const GuestSettings& settings_;
  net::BlockingPool& pool_;
  // Armed by a large listing: gives its memory back to the guest once the reply is out.
  net::Timer trim_;
};

}  // namespace wrenn::envd
