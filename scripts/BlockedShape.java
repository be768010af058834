// The shape of src/snapshot/snapshot_probe.cc in Java, for jstack to look at: N threads blocked in six ways,
// each under nine frames, and three threads that hold what the others wait for.
//
//   $ java scripts/BlockedShape.java 1000
//
// Says `ready pid=PID` once all of them are blocked, and keeps them so until its input ends.

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

public final class BlockedShape {
  private static final int FRAMES = 9;
  private static final int WAYS = 6;
  private static final long FOREVER_MS = 3_600_000;

  private static final Object MONITOR = new Object();
  private static final Object WAITED_FOR = new Object();
  private static final ReentrantReadWriteLock READ_WRITE = new ReentrantReadWriteLock();
  private static final ReentrantLock REENTRANT = new ReentrantLock();
  private static final CountDownLatch HELD = new CountDownLatch(3);

  private interface Innermost {
    void run() throws InterruptedException;
  }

  private static int nested(int depth, Innermost innermost) throws InterruptedException {
    if (depth == 1) {
      innermost.run();
      return 0;
    }
    return nested(depth - 1, innermost) + depth;
  }

  private static void hold() throws InterruptedException {
    HELD.countDown();
    Thread.sleep(FOREVER_MS);
  }

  private static void holdMonitor() throws InterruptedException {
    synchronized (MONITOR) {
      hold();
    }
  }

  private static void holdWriteLock() throws InterruptedException {
    READ_WRITE.writeLock().lock();
    hold();
  }

  private static void holdReentrantLock() throws InterruptedException {
    REENTRANT.lock();
    hold();
  }

  private static void block(int way) throws InterruptedException {
    switch (way) {
      case 0:
        synchronized (MONITOR) {
          return;
        }
      case 1:
        READ_WRITE.readLock().lock();
        break;
      case 2:
        READ_WRITE.writeLock().lock();
        break;
      case 3:
        REENTRANT.lock();
        break;
      case 4:
        synchronized (WAITED_FOR) {
          while (true) {
            WAITED_FOR.wait();
          }
        }
      default:
        Thread.sleep(FOREVER_MS);
    }
  }

  private static Thread start(Innermost innermost) {
    Thread thread =
        new Thread(
            () -> {
              try {
                nested(FRAMES, innermost);
              } catch (InterruptedException nobodyInterrupts) {
                throw new IllegalStateException(nobodyInterrupts);
              }
            });
    thread.start();
    return thread;
  }

  /** Whether the thread stands where it was sent, and not at a lock on its way there. */
  private static boolean stands(Thread thread, int way) {
    switch (way) {
      case 0:
        return thread.getState() == Thread.State.BLOCKED;
      case 1:
      case 2:
        return thread.getState() == Thread.State.WAITING
            && LockSupport.getBlocker(thread) != null
            && READ_WRITE.hasQueuedThread(thread);
      case 3:
        return thread.getState() == Thread.State.WAITING && REENTRANT.hasQueuedThread(thread);
      case 4:
        return thread.getState() == Thread.State.WAITING;
      default:
        return thread.getState() == Thread.State.TIMED_WAITING;
    }
  }

  public static void main(String[] arguments) throws InterruptedException, IOException {
    if (arguments.length != 1) {
      System.err.println("BlockedShape: expected the number of threads");
      System.exit(2);
    }
    int count = Integer.parseInt(arguments[0]);
    start(BlockedShape::holdMonitor);
    start(BlockedShape::holdWriteLock);
    start(BlockedShape::holdReentrantLock);
    HELD.await();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int way = i % WAYS;
      threads.add(start(() -> block(way)));
    }
    for (int i = 0; i < count; i++) {
      while (!stands(threads.get(i), i % WAYS)) {
        Thread.sleep(1);
      }
    }
    System.out.println("ready pid=" + ProcessHandle.current().pid());
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0);
  }
}
