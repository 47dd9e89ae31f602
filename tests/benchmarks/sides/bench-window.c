/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "window", in a program of their own, since all that GTK brings into a process makes a fork
 * dearer. A window shows the calls of a task in a list, and moves something in each frame. As long
 * as the task runs, its frames are counted, and the longest time between two is found. At "rest"
 * nothing runs, as long as the request says.
 *
 * All is drawn by the processor: a display of one kind is like another then. */

#include "bench.h"

#include <gtk/gtk.h>

typedef struct
{
  GMainLoop *loop;
  GtkWidget *window;
  PcallTask *task; /* NULL: at rest */
  GError    *error;
  gint64     took;  /* in microseconds; at rest, what it is to take */
  gint64     begun; /* 0: not yet */
  gint64     last_frame;
  gint64     longest;
  guint      n_frames;
} Window;

/* What is called */

typedef struct
{
  guint64 microseconds;
  guint64 n_reports;
} Work;

static GVariant *
work (GVariant  *args,
      GVariant  *kwargs,
      gpointer   user_data,
      GError   **error)
{
  const Work *self = user_data;
  gint64 until = g_get_monotonic_time () + self->microseconds;

  for (guint64 i = 0; i < self->n_reports; i++)
    pcall_report_progress ((i + 1.0) / self->n_reports, "at work");
  while (g_get_monotonic_time () < until)
    ;
  return NULL;
}

/* A line of the list */

static void
show_call (PcallCall  *call,
           GParamSpec *property,
           GtkLabel   *label)
{
  g_autofree char *text =
      g_strdup_printf ("call %u, state %d, %.0f %%", pcall_call_get_index (call),
                       pcall_call_get_state (call), 100 * pcall_call_get_progress (call));

  gtk_label_set_text (label, text);
}

static void
set_up_line (GtkListItemFactory *factory,
             GtkListItem        *item)
{
  gtk_list_item_set_child (item, gtk_label_new (NULL));
}

static void
bind_line (GtkListItemFactory *factory,
           GtkListItem        *item)
{
  PcallCall *call = gtk_list_item_get_item (item);
  GtkLabel *label = GTK_LABEL (gtk_list_item_get_child (item));

  g_signal_connect (call, "notify", G_CALLBACK (show_call), label);
  show_call (call, NULL, label);
}

static void
unbind_line (GtkListItemFactory *factory,
             GtkListItem        *item)
{
  g_signal_handlers_disconnect_by_data (gtk_list_item_get_item (item),
                                        gtk_list_item_get_child (item));
}

static GtkWidget *
new_list (PcallTask *task)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  GListModel *calls = task != NULL ? g_object_ref (G_LIST_MODEL (task)) : NULL;
  GtkWidget *scrolled = gtk_scrolled_window_new ();

  g_signal_connect (factory, "setup", G_CALLBACK (set_up_line), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (bind_line), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (unbind_line), NULL);
  gtk_scrolled_window_set_child (
      GTK_SCROLLED_WINDOW (scrolled),
      gtk_list_view_new (GTK_SELECTION_MODEL (gtk_no_selection_new (calls)), factory));
  gtk_widget_set_vexpand (scrolled, TRUE);
  return scrolled;
}

/* What moves, and counts */

static gboolean
move (GtkWidget     *area,
      GdkFrameClock *clock,
      gpointer       user_data)
{
  gtk_widget_queue_draw (area);
  return G_SOURCE_CONTINUE;
}

static void
draw (GtkDrawingArea *area,
      cairo_t        *cairo,
      int             width,
      int             height,
      gpointer        user_data)
{
  Window *self = user_data;
  gint64 now = g_get_monotonic_time ();

  cairo_rectangle (cairo, now / 10000 % 100 * width / 100.0, 0, 10, height);
  cairo_fill (cairo);
  if (self->begun != 0)
    {
      self->n_frames++;
      self->longest = MAX (self->longest, now - self->last_frame);
    }
  self->last_frame = now;
}

static void
open_window (Window *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *area = gtk_drawing_area_new ();

  gtk_widget_set_size_request (area, -1, 20);
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (area), draw, self, NULL);
  gtk_widget_add_tick_callback (area, move, NULL, NULL);
  gtk_box_append (GTK_BOX (box), area);
  gtk_box_append (GTK_BOX (box), new_list (self->task));

  self->window = gtk_window_new ();
  gtk_window_set_default_size (GTK_WINDOW (self->window), 400, 600);
  gtk_window_set_child (GTK_WINDOW (self->window), box);
  gtk_window_present (GTK_WINDOW (self->window));
}

/* One round */

/* How long a window is drawn before anything else happens. */
#define SETTLE_MS 300

static gboolean
stop (gpointer user_data)
{
  Window *self = user_data;
  gint64 now = g_get_monotonic_time ();

  self->longest = MAX (self->longest, now - self->last_frame);
  self->took = now - self->begun;
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static void
joined (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  Window *self = user_data;

  pcall_task_join_finish (self->task, result, &self->error);
  stop (self);
}

/* As the handler of a button would. */
static gboolean
begin (gpointer user_data)
{
  Window *self = user_data;

  self->begun = self->last_frame = g_get_monotonic_time ();
  if (self->task == NULL)
    g_timeout_add (self->took / 1000, stop, self);
  else if (pcall_task_start (self->task, &self->error))
    pcall_task_join_async (self->task, NULL, joined, self);
  else
    stop (self);
  return G_SOURCE_REMOVE;
}

static gboolean
init (void)
{
  g_setenv ("GDK_BACKEND", "x11", TRUE);
  g_setenv ("GSK_RENDERER", "cairo", TRUE);
  g_setenv ("GTK_A11Y", "none", TRUE);
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  return gtk_init_check ();
}

static gdouble
run (BenchRequest  *request,
     Window        *self,
     GError       **error)
{
  if (!init ())
    {
      bench_request_add_text (request, "missing", "a display");
      return -1;
    }

  self->loop = g_main_loop_new (NULL, FALSE);
  open_window (self);
  g_timeout_add (SETTLE_MS, begin, self);
  g_main_loop_run (self->loop);
  gtk_window_destroy (GTK_WINDOW (self->window));
  g_main_loop_unref (self->loop);

  bench_request_add_number (request, "frames", self->n_frames);
  bench_request_add_number (request, "longest-gap", self->longest / 1e6);
  if (self->error == NULL)
    return self->took / 1e6;
  g_propagate_error (error, self->error);
  return -1;
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  Work what = {
    .microseconds = bench_request_get_number (request, "microseconds"),
    .n_reports = bench_request_get_number (request, "reports"),
  };
  g_autoptr (PcallTask) task = bench_request_new_task (request, work, &what);
  Window self = { .task = task };

  pcall_task_set_max_children (task, bench_request_get_number (request, "max-children"));
  pcall_task_set_calls_per_child (task, bench_request_get_number (request, "calls-per-child"));
  return run (request, &self, error);
}

static gdouble
measure_rest (BenchRequest  *request,
              GError       **error)
{
  Window self = { .took = bench_request_get_number (request, "milliseconds") * 1000 };

  return run (request, &self, error);
}

static const BenchSide bench_window[] = {
  { "window/pcall", measure_pcall },
  { "window/rest", measure_rest },
  { NULL, NULL },
};

const BenchSide *const bench_tables[] = { bench_window, NULL };
